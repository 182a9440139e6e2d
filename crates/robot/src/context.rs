//! What every part of a running agent shares.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc};

use crate::client::{Client, InNameOf};
use crate::config::RobotConfig;
use crate::environments::Environments;
use crate::folders::Folders;
use crate::journal::{Entry, Journal};
use crate::spool::Spool;

pub(crate) struct Context {
    pub config: RobotConfig,
    pub folders: Arc<Folders>,
    pub client: Arc<Client>,
    pub journal: Journal,
    pub environments: Arc<Environments>,
    /// Name of this host, as the server knows it.
    pub host: String,
    /// Name of the user that jobs run as.
    pub identity: String,
    /// Spools that have something to deliver go here.
    pub spools: mpsc::UnboundedSender<Arc<Spool>>,
    pub spools_grown: Arc<Notify>,
}

impl Context {
    /// The robot and folder of a job, for calls in its name.
    pub fn in_name_of(&self, entry: &Entry) -> InNameOf {
        InNameOf { robot_key: entry.robot_key.clone(), folder_key: entry.command.folder_key.clone() }
    }
}

#[cfg(test)]
impl Context {
    /// A context over a folder, without a server behind its address.
    pub async fn for_tests(config: RobotConfig) -> Self {
        let folders = Arc::new(Folders::open(&config.data_dir, None).await.unwrap());
        let client = Client::new(&config, "host", "installation").unwrap();
        Self {
            journal: Journal::new(folders.clone()),
            environments: Arc::new(Environments::new(folders.clone())),
            folders,
            client: Arc::new(client),
            host: "host".into(),
            identity: "user".into(),
            spools: mpsc::unbounded_channel().0,
            spools_grown: Arc::default(),
            config,
        }
    }
}
