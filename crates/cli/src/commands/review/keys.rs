//! `casebook review key`: a signer's key pair. The private half is in one file, outside of every repository, and is
//! never printed.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use register::review::{Name, Role, SecretKey, Signer, key_from_file, key_to_file, signer_entry};

use super::ledger::{own, wrong};
use crate::exit::{Exit, Failure};
use crate::git::Git;
use crate::output;

const KEY_FILE_BYTES_MAX: u64 = 4096;
/// Others of this machine.
const OTHERS: u32 = 0o077;

/// Makes the key of a signer
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook review key new --name ana --role builder --out ~/.config/casebook/ana.key --add-to doc/review/signers.toml
  casebook review key new --name ben --role verifier --out ~/.config/casebook/ben.key")]
pub(super) struct Key {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    New(New),
}

/// Makes a key pair
///
/// The private key goes to a new file that only you can read. The entry for signers.toml goes to that file, or to
/// standard output; it counts once a verifier recorded it with `casebook review plan`.
#[derive(Debug, Args)]
struct New {
    /// Who signs with it: small letters, digits and hyphens
    #[arg(long, value_name = "NAME")]
    name: Name,
    /// builder (claims and fixes) or verifier (judges, and may build what others judge)
    #[arg(long, value_name = "ROLE")]
    role: Role,
    /// The file for the private key; it must not exist, and must not be in a repository
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The signers.toml that gets the public key, made if there is none
    #[arg(long, value_name = "FILE")]
    add_to: Option<PathBuf>,
}

impl Key {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        match self.what {
            What::New(command) => command.run(),
        }
    }
}

impl New {
    fn run(self) -> Result<Exit, Failure> {
        let folder = self.out.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let there = folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
        if Git::around(there).is_ok() {
            let why = "it is in a repository, where a private key would be committed; name a file elsewhere";
            return Err(wrong(&self.out, &why));
        }
        // Before the key is there.
        self.add_to.as_deref().map_or(Ok(()), own)?;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| Failure::new(Exit::Server, error.to_string()))?;
        let key = SecretKey::from_seed(&seed);
        let signer = Signer { name: self.name, role: self.role, key: key.public(), retired: false };
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        let file =
            made.and_then(|()| OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.out));
        file.and_then(|mut file| {
            file.write_all(key_to_file(&signer.name, &key).as_bytes())?;
            file.sync_all()
        })
        .map_err(|error| wrong(&self.out, &error))?;
        let entry = signer_entry(&signer);
        match &self.add_to {
            None => output::text(&entry),
            Some(path) => {
                add(path, &entry).map_err(|error| wrong(path, &error))?;
                Ok(Exit::Ok)
            }
        }
    }
}

fn add(path: &Path, entry: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    let gap = if file.metadata()?.len() == 0 { "" } else { "\n" };
    file.write_all(format!("{gap}{entry}").as_bytes())?;
    file.sync_all()
}

/// A key that others can read signs nothing.
pub(super) fn read(path: &Path) -> Result<(Name, SecretKey), Failure> {
    let mut text = String::new();
    let mode = File::open(path).and_then(|file| {
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(std::io::Error::other("it is no file"));
        }
        file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text)?;
        Ok(found.permissions().mode())
    });
    match mode.map_err(|error| wrong(path, &error))? & OTHERS {
        0 => key_from_file(&text).map_err(|why| wrong(path, &why)),
        _ => Err(wrong(path, &"others can read it: chmod 600 it, or make a new key if they may have")),
    }
}
