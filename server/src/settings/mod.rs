//! What the operator chose, read from the environment.
//!
//! Every variable begins with `STATUS_`. They are read once, at the start, and all that is wrong with
//! them is told at once, so that nobody has to start the server ten times to correct ten values.

mod check;
mod groups;
mod mail;
mod parse;
mod problem;
mod salvage;
mod secret_files;
mod store;
#[cfg(test)]
pub(crate) mod tests;
mod variables;

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use status_adapters::mail::MailSettings;
use status_adapters::service::Service;
#[cfg(feature = "postgres")]
use status_adapters::store::postgres::Address;
use status_core::Config;

use crate::log::LogSettings;
pub use groups::Groups;
pub use problem::{Fault, Problem, Problems, Warning};

/// Everything that can be set. Printing it with `{:?}` shows no secret.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What decides. Its `mail` is set exactly if [`Settings::mail`] is.
    pub core: Config,
    /// Where book is.
    pub book: Service,
    /// Where relay is.
    pub relay: Service,
    /// Where jump is.
    pub jump: Service,
    /// `STATUS_TIMEOUT_BOOK`: how long to wait for an answer of book.
    pub timeout_book: Duration,
    /// How to send mail; `None` if none is to be sent.
    pub mail: Option<MailSettings>,
    /// `STATUS_STORE`: where what a restart must not lose is kept.
    pub store: StoreSettings,
    /// `STATUS_STORE_MAX_SIZE`: how large the store's file and its log, or its rows in a database, may become, in bytes.
    pub store_max_size: u64,
    /// What to log, and where.
    pub log: LogSettings,
    /// `STATUS_PORT_SERVE`: where the API listens; 0 for any free port.
    pub serve_port: u16,
    /// `STATUS_ADDRESS_SERVE`: at which of this machine's addresses; none stands for all of them.
    pub serve_addresses: Vec<IpAddr>,
    /// `STATUS_CORS`: whether web pages of other sites may read what is public.
    pub other_sites: OtherSites,
    /// `STATUS_INSTANCE`: what this server is called, of several that share a store.
    pub instance: String,
    /// `STATUS_METRICS_EXPERIMENTS`: whether `/metrics` has figures for each experiment.
    pub metrics_experiments: bool,
    /// `STATUS_GROUPS`: how the page groups experiments, beside by their kind.
    pub groups: Groups,
    /// `STATUS_SECRET_ADMIN`: what signs the tokens with which people change something; `None` if nobody may.
    pub secret_admin: Option<SecretString>,
    /// `STATUS_PORT_PROFILE`, if `STATUS_PROFILE` is true.
    pub profile: Option<u16>,
}

/// Whether web pages of other sites may read what is public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherSites {
    /// They may: each public answer says so.
    MayRead,
    /// They may not, or a proxy in front says whether they may. No answer says anything.
    Unsaid,
}

/// Where what a restart must not lose is kept: `STATUS_STORE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreSettings {
    /// In this file.
    File(PathBuf),
    /// In a PostgreSQL database, with the password of `STATUS_STORE_PASSWORD`.
    #[cfg(feature = "postgres")]
    Database(Box<Address>),
    /// In memory, and so not at all: that was asked for.
    Memory,
    /// Likewise, since there is no folder for it, and nobody chose a file.
    Nowhere,
}

impl Settings {
    /// Reads the settings from this process's environment.
    ///
    /// # Errors
    /// As for [`Settings::from_vars`].
    pub fn from_env() -> Result<(Self, Vec<Warning>), Problems> {
        Self::from_vars(std::env::vars_os())
    }

    /// Reads the settings from variables: names and values. Those whose name doesn't begin with
    /// `STATUS_` don't matter, but for the folders that systemd and the user's session name. Files
    /// are read only where the variables put a secret there.
    ///
    /// # Errors
    /// Everything that is wrong, at once: required variables that are missing, values that make no
    /// sense, and files with secrets that can't be read. No secret is in it.
    pub fn from_vars(
        vars: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<(Self, Vec<Warning>), Problems> {
        let vars: Vec<(OsString, OsString)> = vars.into_iter().collect();
        let place = store::default_place(&vars, rustix::process::geteuid().is_root());
        let credentials = secret_files::credentials(&vars);
        let (mut variables, mut found) = variables::Variables::sort(vars);
        secret_files::read(&mut variables, credentials.as_deref(), &mut found);
        check::settings(&variables, place, found)
    }

    /// Reads only where the store is.
    ///
    /// # Errors
    /// If `STATUS_STORE` makes no sense, or the password of its database can't be read. No secret is in it.
    pub fn store_from_vars(
        vars: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<StoreSettings, Problems> {
        let vars: Vec<(OsString, OsString)> = vars.into_iter().collect();
        let place = store::default_place(&vars, rustix::process::geteuid().is_root());
        let credentials = secret_files::credentials(&vars);
        let ours = ["STATUS_STORE", "STATUS_STORE_PASSWORD", "STATUS_STORE_PASSWORD_FILE"];
        let only = vars.into_iter().filter(|(name, _)| ours.iter().any(|own| name == own));
        let (mut variables, mut found) = variables::Variables::sort(only);
        secret_files::read_store(&mut variables, credentials.as_deref(), &mut found);
        check::store(&variables, place, found)
    }

    /// Reads where a store is from a text such as `STATUS_STORE` has, with the password of `STATUS_STORE_PASSWORD` where
    /// it is a database.
    ///
    /// # Errors
    /// If it makes no sense. No secret is in it.
    pub fn store_named(
        text: &str,
        vars: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<StoreSettings, Problems> {
        let named = (OsString::from("STATUS_STORE"), OsString::from(text));
        let others = vars.into_iter().filter(|(name, _)| name != "STATUS_STORE");
        Self::store_from_vars([named].into_iter().chain(others))
    }

    /// Reads only the groups of experiments; those that make no sense are none, since `status check` says so.
    #[must_use]
    pub fn groups_from_vars(vars: impl IntoIterator<Item = (OsString, OsString)>) -> Groups {
        let named = vars.into_iter().find(|(name, _)| name == "STATUS_GROUPS");
        let text = named.and_then(|(_, value)| value.into_string().ok()).unwrap_or_default();
        Groups::parse(&text).unwrap_or_default()
    }

    /// Reads only what signs the tokens with which people change something.
    ///
    /// # Errors
    /// If there is none, or none that can be read. No secret is in it.
    pub fn secret_admin_from_vars(
        vars: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<SecretString, Problems> {
        let vars: Vec<(OsString, OsString)> = vars.into_iter().collect();
        let credentials = secret_files::credentials(&vars);
        let ours = |name: &OsString| name == "STATUS_SECRET_ADMIN" || name == "STATUS_SECRET_ADMIN_FILE";
        let only = vars.into_iter().filter(|(name, _)| ours(name));
        let (mut variables, mut found) = variables::Variables::sort(only);
        secret_files::read_admin(&mut variables, credentials.as_deref(), &mut found);
        check::secret_admin(&variables, found)
    }

    /// Reads only where a server with these settings answers: its port, and its addresses, of which none stands for all.
    ///
    /// # Errors
    /// If `STATUS_PORT_SERVE` or `STATUS_ADDRESS_SERVE` makes no sense.
    pub fn place_from_vars(
        vars: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<(u16, Vec<IpAddr>), Problems> {
        let ours = |name: &OsString| name == "STATUS_PORT_SERVE" || name == "STATUS_ADDRESS_SERVE";
        let (variables, found) = variables::Variables::sort(vars.into_iter().filter(|(name, _)| ours(name)));
        check::place(&variables, found)
    }
}
