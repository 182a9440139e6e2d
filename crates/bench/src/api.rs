//! Setting up a server through its API: credentials, a queue, a process, a machine.

use crate::http::{Client, escape};
use crate::product::Product;
use anyhow::{Context, Result, bail};
use bandmaster_packages::nupkg::build::PackageBuilder;
use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};
use std::net::SocketAddr;

/// The namespace of most actions.
pub const ODATA: &str = "UiPath.Server.Configuration.OData";
/// What the callers of this crate may do.
pub const SCOPES: &str =
    "OR.Assets OR.Execution OR.Folders OR.Jobs OR.Machines OR.Monitoring OR.Queues OR.Robots OR.Administration";

/// Client id and secret of an application.
#[derive(Debug, Clone)]
pub struct Credentials {
    id: String,
    secret: String,
}

impl Credentials {
    /// The form that asks for a token.
    pub fn form(&self) -> String {
        format!(
            "grant_type=client_credentials&client_id={}&client_secret={}&scope={}",
            escape(&self.id),
            escape(&self.secret),
            escape(SCOPES)
        )
    }

    /// Gets a token.
    pub async fn token(&self, address: SocketAddr) -> Result<String> {
        let mut client = form_client(address)?;
        let reply = client.send(Method::POST, TOKEN_PATH, self.form()).await?;
        let answer = reply.json();
        match answer["access_token"].as_str() {
            Some(token) => Ok(token.to_owned()),
            None => bail!("no token: {} {}", reply.status, reply.text()),
        }
    }
}

/// Where tokens are had.
pub const TOKEN_PATH: &str = "/identity/connect/token";

/// A client that sends forms.
pub fn form_client(address: SocketAddr) -> Result<Client> {
    Client::new(address).with("content-type", "application/x-www-form-urlencoded")
}

/// A caller with all scopes, working in the folder `Shared`.
pub struct Api {
    /// Its connection. Clones are further connections with the same headers.
    pub client: Client,
    /// What it signs in with.
    pub credentials: Credentials,
    /// Id of the folder.
    pub folder: i64,
}

impl Api {
    /// Makes an application, a robot account and gets a token.
    pub async fn sign_in(product: &Product) -> Result<Api> {
        let settings = product.settings();
        let robot = settings.admin(&["robot", "create", "--name", "bench-robot"]).await?;
        let folder = robot["folder_id"].as_i64().context("no folder")?;
        let name = format!("bench-{}", uuid::Uuid::new_v4());
        let made = settings.admin(&["application", "create", "--name", &name, "--scopes", SCOPES]).await?;
        let text = |name: &str| made[name].as_str().map(str::to_owned).with_context(|| format!("no {name}"));
        let credentials = Credentials { id: text("client_id")?, secret: text("client_secret")? };
        let address = product.address()?;
        let token = credentials.token(address).await?;
        Ok(Api { client: caller(address, &token, folder)?, credentials, folder })
    }

    /// Sends JSON; any answer but a success is an error.
    pub async fn post(&mut self, path: &str, body: &Value) -> Result<Value> {
        ok(self.client.post(path, body).await?, path)
    }

    /// Reads; any answer but a success is an error.
    pub async fn get(&mut self, path: &str) -> Result<Value> {
        ok(self.client.get(path).await?, path)
    }

    /// Makes a queue; its id.
    pub async fn queue(&mut self, name: &str, settings: Value) -> Result<i64> {
        let mut body = settings;
        body["Name"] = json!(name);
        let made = self.post("/odata/QueueDefinitions", &body).await?;
        made["Id"].as_i64().context("the queue has no id")
    }

    /// Uploads a small package and makes its process; the key of the process.
    pub async fn process(&mut self) -> Result<String> {
        let package = PackageBuilder::new("bench-process", "1.0.0")
            .function("main", "main.py:main", json!({"type": "object"}), json!({"type": "object"}))
            .file("main.py", "def main(data):\n    return data\n")
            .build()?;
        let boundary = "bandmaster-bench-boundary";
        let mut body = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"bench-process.1.0.0.nupkg\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(&package);
        body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        let media = format!("multipart/form-data; boundary={boundary}");
        let mut upload = self.client.clone().with("content-type", &media)?;
        let path = format!("/odata/Processes/{ODATA}.UploadPackage()");
        ok(upload.send(Method::POST, &path, Bytes::from(body)).await?, &path)?;
        let wanted = json!({"Name": "bench-process", "ProcessKey": "bench-process", "ProcessVersion": "1.0.0"});
        let made = self.post("/odata/Releases", &wanted).await?;
        made["Key"].as_str().map(str::to_owned).context("the process has no key")
    }

    /// Makes a machine in the folder; its key.
    pub async fn machine(&mut self, name: &str, slots: u32) -> Result<String> {
        let body = json!({"Name": name, "Type": "Template", "UnattendedSlots": slots});
        let made = self.post("/odata/Machines", &body).await?;
        let assign = json!({"assignments": {"MachineIds": [made["Id"]], "FolderIds": [self.folder]}});
        self.post(&format!("/odata/Folders/{ODATA}.AssignMachines"), &assign).await?;
        made["LicenseKey"].as_str().map(str::to_owned).context("the machine has no key")
    }
}

/// A client with a token, in a folder.
pub fn caller(address: SocketAddr, token: &str, folder: i64) -> Result<Client> {
    Client::new(address).bearer(token)?.with("x-uipath-organizationunitid", &folder.to_string())
}

/// The body of a StartJobs for one job of a process.
pub fn start_jobs(process_key: &str, reference: &str) -> Value {
    json!({"startInfo": {"ReleaseKey": process_key, "Strategy": "ModernJobsCount", "JobsCount": 1,
        "InputArguments": "{}", "Reference": reference}})
}

/// Where jobs are started.
pub fn start_jobs_path() -> String {
    format!("/odata/Jobs/{ODATA}.StartJobs")
}

fn ok(reply: crate::http::Reply, path: &str) -> Result<Value> {
    if (200..300).contains(&reply.status) {
        Ok(reply.json())
    } else {
        bail!("{path}: {} {}", reply.status, reply.text())
    }
}
