//! The few calls that the quickstart makes.

use super::sample::Package;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

const ODATA: &str = "UiPath.Server.Configuration.OData";

/// A client of the running server.
pub struct Api {
    http: reqwest::Client,
    base: String,
    token: String,
    folder: i64,
}

impl Api {
    /// Gets a token for an application's credentials, to work in a folder.
    pub async fn sign_in(base: &str, client: &Value, scopes: &str, folder: i64) -> Result<Api> {
        let mut api = Api { http: reqwest::Client::new(), base: base.to_owned(), token: String::new(), folder };
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", client["client_id"].as_str().unwrap_or_default()),
            ("client_secret", client["client_secret"].as_str().unwrap_or_default()),
            ("scope", scopes),
        ];
        let answer = api.ok(api.http.post(format!("{base}/identity/connect/token")).form(&form)).await?;
        api.token = answer["access_token"].as_str().context("no access token")?.to_owned();
        Ok(api)
    }

    /// Makes (or finds) a machine with one slot, assigned to the folder; its key.
    pub async fn machine(&self, name: &str) -> Result<String> {
        let found = self.get(&format!("/odata/Machines?$filter=Name eq '{name}'")).await?;
        let machine = match found["value"].as_array().and_then(|v| v.first()) {
            Some(machine) => machine.clone(),
            None => {
                let body = json!({"Name": name, "Type": "Template", "UnattendedSlots": 1});
                self.ok(self.request(reqwest::Method::POST, "/odata/Machines").json(&body)).await?
            }
        };
        let body = json!({"assignments": {"MachineIds": [machine["Id"]], "FolderIds": [self.folder]}});
        let path = format!("/odata/Folders/{ODATA}.AssignMachines");
        self.ok(self.request(reqwest::Method::POST, &path).json(&body)).await?;
        machine["LicenseKey"].as_str().map(str::to_owned).context("the machine has no key")
    }

    fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.token)
            .header("X-UIPATH-OrganizationUnitId", self.folder)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<(u16, Value)> {
        let response = request.send().await.context("the server does not answer")?;
        let status = response.status().as_u16();
        let text = response.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    async fn ok(&self, request: reqwest::RequestBuilder) -> Result<Value> {
        match self.send(request).await? {
            (status, value) if (200..300).contains(&status) => Ok(value),
            (status, value) => bail!("the server answered {status}: {value}"),
        }
    }

    async fn get(&self, path: &str) -> Result<Value> {
        self.ok(self.request(reqwest::Method::GET, path)).await
    }

    /// Uploads the package unless that version is there already, and makes (or finds) its process.
    pub async fn publish(&self, package: &Package) -> Result<Value> {
        let file = format!("{}.{}.nupkg", package.id, package.version);
        let part = reqwest::multipart::Part::bytes(package.bytes.clone()).file_name(file);
        let form = reqwest::multipart::Form::new().part("file", part);
        let path = format!("/odata/Processes/{ODATA}.UploadPackage()");
        let (status, answer) = self.send(self.request(reqwest::Method::POST, &path).multipart(form)).await?;
        if status != 200 && status != 409 {
            bail!("the package was not taken ({status}): {answer}");
        }
        let found = self.get(&format!("/odata/Releases?$filter=ProcessKey eq '{}'", package.id)).await?;
        if let Some(release) = found["value"].as_array().and_then(|v| v.first()) {
            return Ok(release.clone());
        }
        let body = json!({"Name": package.id, "ProcessKey": package.id, "ProcessVersion": package.version});
        self.ok(self.request(reqwest::Method::POST, "/odata/Releases").json(&body)).await
    }

    /// Starts one job.
    pub async fn start(&self, release: &Value, input: &Value) -> Result<Value> {
        let info = json!({"startInfo": {"ReleaseKey": release["Key"], "Strategy": "ModernJobsCount", "JobsCount": 1,
            "InputArguments": input.to_string()}});
        let path = format!("/odata/Jobs/{ODATA}.StartJobs");
        let answer = self.ok(self.request(reqwest::Method::POST, &path).json(&info)).await?;
        answer["value"].get(0).cloned().context("no job was made")
    }

    /// The job with a key.
    pub async fn job(&self, key: &str) -> Result<Value> {
        self.get(&format!("/odata/Jobs/{ODATA}.GetByKey(identifier={key})")).await
    }

    /// What a waiting job waits for.
    pub async fn why(&self, job: &Value) -> Result<String> {
        let path = format!("/odata/Jobs({})/{ODATA}.ValidateExistingJob", job["Id"]);
        let verdict = self.ok(self.request(reqwest::Method::POST, &path)).await?;
        Ok(verdict["Errors"].to_string())
    }

    /// The log lines of a job, oldest first.
    pub async fn logs(&self, key: &str) -> Result<Vec<String>> {
        let found = self.get(&format!("/odata/RobotLogs?$filter=JobKey eq {key}&$orderby=TimeStamp")).await?;
        let line = |l: &Value| {
            format!("{} {}", l["Level"].as_str().unwrap_or_default(), l["Message"].as_str().unwrap_or_default())
        };
        Ok(found["value"].as_array().into_iter().flatten().map(line).collect())
    }
}
