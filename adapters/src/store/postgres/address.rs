//! Where the database is, and which schema in it is the store.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use url::form_urlencoded;

/// The schema where none is named: in a database that others share, `public` is theirs.
const SCHEMA: &str = "status";
/// PostgreSQL cuts longer names.
const LONGEST_NAME: usize = 63;
/// How long one attempt to connect to one host may take.
const CONNECT: Duration = Duration::from_secs(5);
/// A connection whose other end does not acknowledge what was sent for so long is given up.
const UNHEARD: Duration = Duration::from_secs(10);
/// How soon, and then how often, a connection on which nothing is sent is probed.
const PROBE: Duration = Duration::from_secs(3);

/// Where the store is in a PostgreSQL database, and how to log in. What it prints as holds no password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    config: Config,
    schema: String,
    encryption: Encryption,
}

/// How a connection is encrypted, and what the database server has to prove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Encryption {
    /// It is not: `sslmode=disable`, and where nothing is said on this machine.
    None,
    /// It is, and the server's certificate is looked at in this way.
    Tls {
        proof: Proof,
        /// The file with the authorities that are trusted; `None` for those of the machine.
        roots: Option<PathBuf>,
    },
}

/// What the certificate of a database server has to prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// Nothing: `sslmode=require`.
    Nothing,
    /// That a trusted authority has signed it: `sslmode=verify-ca`.
    Authority,
    /// Likewise, and that it is for this host: `sslmode=verify-full`, and where nothing is said.
    Host,
}

impl Address {
    /// Reads an address such as `postgres://status@db.example.org/status?schema=lab1`.
    ///
    /// # Errors
    /// What was expected in its place, for people. No password is in it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let usual = || "an address such as postgres://status@db.example.org/status?schema=lab1".to_owned();
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        let (mut schema, mut mode, mut roots, mut rest) = (SCHEMA.to_owned(), None, None, Vec::new());
        // In these addresses, a plus is a plus.
        for (name, value) in form_urlencoded::parse(query.replace('+', "%2B").as_bytes()) {
            match &*name {
                "schema" => schema = schema_name(&value)?,
                "sslmode" => mode = Some(value.into_owned()),
                "sslrootcert" => roots = Some(PathBuf::from(&*value)),
                "host" | "hostaddr" | "port" | "user" | "dbname" | "password" | "application_name" => {
                    rest.push((name.into_owned(), value.into_owned()));
                }
                other => return Err(format!("{}, without {other:?}, which is unknown", usual())),
            }
        }
        let mut config: Config = base.parse().map_err(|_| usual())?;
        if !(base.starts_with("postgres://") || base.starts_with("postgresql://")) {
            return Err(usual());
        }
        for (name, value) in rest {
            set(&mut config, &name, &value)?;
        }
        if config.get_password().is_some() {
            return Err("an address without the password, which belongs in STATUS_STORE_PASSWORD".to_owned());
        }
        if config.get_dbname().is_none_or(str::is_empty) || config.get_hosts().is_empty() {
            return Err(format!("{}, with a host and the name of a database", usual()));
        }
        let encryption = Encryption::of(mode.as_deref(), roots.as_deref(), is_here(&config))?;
        prepare(&mut config, &encryption);
        Ok(Self { config, schema, encryption })
    }

    /// The same address, with the password to log in with.
    #[must_use]
    pub fn with_password(mut self, password: &SecretString) -> Self {
        self.config.password(password.expose_secret());
        self
    }

    /// Whether the certificate of the database server is not looked at, although it is another machine: worth a note.
    #[must_use]
    pub fn is_unproven(&self) -> bool {
        let proves = matches!(self.encryption, Encryption::Tls { proof: Proof::Authority | Proof::Host, .. });
        !proves && !is_here(&self.config)
    }

    /// The schema that is the store.
    pub(super) fn schema(&self) -> &str {
        &self.schema
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// How long it may take to try each host.
    pub(super) fn connect_within(&self) -> Duration {
        CONNECT.saturating_mul(u32::try_from(self.config.get_hosts().len().max(1)).unwrap_or(u32::MAX))
    }

    pub(super) fn encryption(&self) -> &Encryption {
        &self.encryption
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = &self.config;
        f.write_str("postgres://")?;
        if let Some(user) = config.get_user() {
            write!(f, "{user}@")?;
        }
        for (i, host) in config.get_hosts().iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            match host {
                Host::Tcp(host) if host.contains(':') => write!(f, "{comma}[{host}]")?,
                Host::Tcp(host) => write!(f, "{comma}{host}")?,
                Host::Unix(folder) => write!(f, "{comma}{}", folder.display())?,
            }
            match config.get_ports().get(i).or_else(|| config.get_ports().first()) {
                None | Some(5432) => {}
                Some(port) => write!(f, ":{port}")?,
            }
        }
        write!(f, "/{}?schema={}", config.get_dbname().unwrap_or_default(), self.schema)
    }
}

impl Encryption {
    fn of(mode: Option<&str>, roots: Option<&Path>, is_here: bool) -> Result<Self, String> {
        let tls = |proof| Self::Tls { proof, roots: roots.map(Path::to_owned) };
        Ok(match mode {
            None if is_here && roots.is_none() => Self::None,
            Some("disable") => Self::None,
            Some("require") => tls(Proof::Nothing),
            Some("verify-ca") => tls(Proof::Authority),
            None | Some("verify-full") => tls(Proof::Host),
            Some(_) => return Err("sslmode=disable, require, verify-ca or verify-full".to_owned()),
        })
    }
}

/// A name that needs no quotes: so it is the same in every tool.
fn schema_name(text: &str) -> Result<String, String> {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let begins = text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    if begins && text.chars().all(letters) && text.len() <= LONGEST_NAME && !text.starts_with("pg_") {
        return Ok(text.to_owned());
    }
    Err("?schema= and a name of small letters, digits and _, not beginning with pg_".to_owned())
}

fn set(config: &mut Config, name: &str, value: &str) -> Result<(), String> {
    match name {
        "host" => drop(config.host(value)),
        "hostaddr" => drop(config.hostaddr(value.parse().map_err(|_| "hostaddr= and an IP address")?)),
        "port" => drop(config.port(value.parse().map_err(|_| "port= and a number up to 65535")?)),
        "user" => drop(config.user(value)),
        "dbname" => drop(config.dbname(value)),
        "password" => drop(config.password(value)),
        _ => drop(config.application_name(value)),
    }
    Ok(())
}

/// Whether what is sent to the database leaves this machine.
fn is_here(config: &Config) -> bool {
    let hosts = config.get_hosts().iter().all(|host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
        }
    });
    hosts && config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback)
}

/// What holds for every connection. A database that only answers questions is none for a store.
fn prepare(config: &mut Config, encryption: &Encryption) {
    config.ssl_mode(match encryption {
        Encryption::None => SslMode::Disable,
        Encryption::Tls { .. } => SslMode::Require,
    });
    config.connect_timeout(CONNECT).tcp_user_timeout(UNHEARD);
    config.keepalives(true).keepalives_idle(PROBE).keepalives_interval(PROBE).keepalives_retries(2);
    config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    if config.get_application_name().is_none() {
        config.application_name("status");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Address {
        Address::parse(text).unwrap_or_else(|expected| panic!("{text}: expected {expected}"))
    }

    #[test]
    fn an_address_prints_as_it_is_meant_without_the_password() {
        let address = parse("postgres://status@db.example.org/status").with_password(&"hidden".into());
        assert_eq!(address.to_string(), "postgres://status@db.example.org/status?schema=status");
        assert!(!format!("{address:?}").contains("hidden"));
        let address = parse("postgresql://a@[::1]:7000/b?schema=lab1");
        assert_eq!(address.to_string(), "postgres://a@[::1]:7000/b?schema=lab1");
        let address = parse("postgres://a@/b?host=/run/postgresql&port=5433");
        assert_eq!(address.to_string(), "postgres://a@/run/postgresql:5433/b?schema=status");
    }

    #[test]
    fn tls_is_verified_unless_it_is_here_or_said_otherwise() {
        let of = |text: &str| parse(text).encryption;
        let tls = |proof| Encryption::Tls { proof, roots: None };
        for here in ["localhost", "127.0.0.1", "[::1]", ""] {
            assert_eq!(of(&format!("postgres://a@{here}/b?host=/run")), Encryption::None, "{here}");
        }
        assert_eq!(of("postgres://a@c.org/b"), tls(Proof::Host));
        assert_eq!(of("postgres://a@localhost,c.org/b"), tls(Proof::Host));
        assert_eq!(of("postgres://a@localhost/b?hostaddr=192.0.2.1"), tls(Proof::Host));
        assert_eq!(of("postgres://a@localhost/b?sslmode=verify-full"), tls(Proof::Host));
        assert_eq!(of("postgres://a@c.org/b?sslmode=verify-ca"), tls(Proof::Authority));
        assert_eq!(of("postgres://a@c.org/b?sslmode=require"), tls(Proof::Nothing));
        assert_eq!(of("postgres://a@c.org/b?sslmode=disable"), Encryption::None);
        let roots = Some(PathBuf::from("/a+b.pem"));
        let own = Encryption::Tls { proof: Proof::Host, roots };
        assert_eq!(of("postgres://a@localhost/b?sslrootcert=/a+b.pem"), own);
        assert!(parse("postgres://a@c.org/b?sslmode=require").is_unproven());
        assert!(
            !parse("postgres://a@c.org/b").is_unproven() && !parse("postgres://a@localhost/b").is_unproven()
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused_without_what_may_be_secret() {
        for (text, why) in [
            ("postgres://a:hidden@c.org/b", "STATUS_STORE_PASSWORD"),
            ("postgres://a@c.org/b?password=hidden", "STATUS_STORE_PASSWORD"),
            ("postgres://a:hidden@c.org:x/b", "an address such as"),
            ("postgres://a@c.org", "the name of a database"),
            ("postgres://a@/b", "with a host"),
            ("postgres:c.org/b", "an address such as"),
            ("host=c.org password=hidden", "an address such as"),
            ("postgres://a@c.org/b?schema=pg_x", "?schema="),
            ("postgres://a@c.org/b?schema=Lab", "?schema="),
            ("postgres://a@c.org/b?schema=", "?schema="),
            ("postgres://a@c.org/b?sslmode=prefer", "sslmode=disable, "),
            ("postgres://a@c.org/b?shema=x", "\"shema\""),
            ("postgres://a@c.org/b?port=x", "port="),
        ] {
            let expected = Address::parse(text).unwrap_err();
            assert!(expected.contains(why) && !expected.contains("hidden"), "{text}: {expected}");
        }
    }
}
