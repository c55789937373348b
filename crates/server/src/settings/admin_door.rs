//! Where a server of some settings tells how it is, for whoever asks it from the same machine. It judges no other setting: a
//! server that runs may have been started with files that have changed since.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use runtime::config::{ConfigErrors, Meaning, Said, environment, value};

use super::{CONFIG_FILE, REGISTER, SettingFlags};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdminDoor {
    pub address: SocketAddr,
    pub is_behind_tls: bool,
}

impl SettingFlags {
    /// As `settings` has it, from flags, the process's environment and the file.
    pub fn admin_door(&self) -> Result<AdminDoor, ConfigErrors> {
        let file = self.config.clone().or_else(|| environment(&CONFIG_FILE.variable())).map(PathBuf::from);
        AdminDoor::read(Said::gather(REGISTER, &self.said, environment, file.as_deref()))
    }
}

impl AdminDoor {
    fn read(said: Said) -> Result<Self, ConfigErrors> {
        let mut meaning = Meaning::new(REGISTER, said);
        let address = meaning.get("admin", value::address).map(from_here);
        let is_behind_tls = meaning.get("tls-certificate", value::path).is_some();
        meaning.finish(address.map(|address| Self { address, is_behind_tls }))
    }
}

/// A server that listens everywhere listens on loopback, too.
fn from_here(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_door_is_where_the_settings_have_it_whatever_else_they_say() {
        for (flags, address, is_behind_tls) in [
            (&[][..], "127.0.0.1:7421", false),
            (&[("admin", "0.0.0.0:9000")], "127.0.0.1:9000", false),
            (&[("admin", "[::]:9000"), ("tls-certificate", "/gone.pem")], "[::1]:9000", true),
            (&[("admin", "10.0.0.9:9000"), ("keys", "/gone"), ("tick", "never")], "10.0.0.9:9000", false),
        ] {
            let flags: BTreeMap<_, _> =
                flags.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
            let door = AdminDoor::read(Said::gather(REGISTER, &flags, |_| None, None)).unwrap();
            assert_eq!(door, AdminDoor { address: address.parse().unwrap(), is_behind_tls });
        }
    }
}
