// Runs a public job queue over PostgreSQL until it has done all its trivial jobs. Arguments: what is to be done
// ("prepare", "default" or "best"), the number of jobs. The database is that of PGHOST, PGUSER and PGDATABASE.
// The last line of the output is {"jobs", "seconds"}: from the start of the first job until no job is left in the database.
import { createRequire } from "node:module";

const require = createRequire(`${process.cwd()}/`);
const { Logger, run, runMigrations } = require("graphile-worker");
const { Client } = require("pg");

const [what, wanted] = [process.argv[2], Number(process.argv[3])];
const { PGHOST, PGUSER, PGDATABASE } = process.env;
const connectionString = `postgres://${PGUSER}@/${PGDATABASE}?host=${encodeURIComponent(PGHOST)}`;
// A line for every job would be measured as well.
const logger = new Logger(() => () => {});

if (what === "prepare") {
  await runMigrations({ connectionString, logger });
  process.exit(0);
}

let done = 0;
let begun;
let last;
const finished = new Promise((resolve) => (last = resolve));
const taskList = {
  trivial: async () => {
    begun ??= process.hrtime.bigint();
    done += 1;
    if (done === wanted) last();
  },
};
// What its documentation names for the most jobs a second.
const best = { concurrentJobs: 24, maxPoolSize: 25, localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 };
const runner = await run(
  what === "best" ? { preset: { worker: { connectionString, logger, ...best } }, taskList } : { connectionString, logger, taskList },
);
await finished;
const client = new Client({ connectionString });
await client.connect();
for (;;) {
  const { rows } = await client.query("SELECT EXISTS (SELECT 1 FROM graphile_worker.jobs) AS left");
  if (!rows[0].left) break;
  await new Promise((resolve) => setTimeout(resolve, 2));
}
const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
await client.end();
await runner.stop();
console.log(JSON.stringify({ jobs: done, seconds }));
process.exit(0);
