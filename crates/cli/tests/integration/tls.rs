//! The command line against a server behind TLS that wants certificates of its clients.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use api::Scope;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use server::NewKey;

use crate::serve::{Served, command};

/// Files of an authority and of a certificate that it signed.
struct Files {
    authority: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    fn write(dir: &Path, name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf =
            CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
        let file = |part: &str| dir.join(format!("{name}-{part}.pem"));
        let files = Self { authority: file("authority"), certificate: file("certificate"), key: file("key") };
        std::fs::write(&files.authority, authority.as_ref().pem()).unwrap();
        std::fs::write(&files.certificate, leaf.pem()).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        files
    }
}

fn run(arguments: &[&str], flags: &[(&str, &Path)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_casebook"));
    command.args(arguments);
    for (flag, path) in flags {
        command.arg(flag).arg(path);
    }
    command.output().unwrap()
}

#[test]
fn commands_reach_a_server_behind_tls_with_the_right_certificates_alone() {
    let dir = tempfile::tempdir().unwrap();
    let [ours, clients, others] = ["ours", "clients", "others"].map(|name| Files::write(dir.path(), name));
    let mut serve = command(&dir.path().join("data"));
    serve.arg("--tls-certificate").arg(&ours.certificate).arg("--tls-key").arg(&ours.key);
    serve.arg("--tls-client-ca").arg(&clients.authority);
    let server = Served::spawn(&mut serve);
    let https = format!("https://{}", server.ready.listen);
    let identity = |files: &Files| -> Vec<(&'static str, PathBuf)> {
        vec![("--client-certificate", files.certificate.clone()), ("--client-key", files.key.clone())]
    };
    let ask = |url: &str, ca: &Path, identity: &[(&'static str, PathBuf)]| {
        let mut flags = vec![("--ca", ca)];
        flags.extend(identity.iter().map(|(flag, path)| (*flag, path.as_path())));
        run(&["incidents", "--server", url], &flags)
    };
    let known = identity(&clients);
    let good = ask(&https, &ours.authority, &known);
    assert_eq!(good.status.code(), Some(0), "{}", String::from_utf8_lossy(&good.stderr));
    let http = https.replace("https:", "http:");
    for refused in [
        ask(&https, &ours.authority, &[]),
        ask(&https, &ours.authority, &identity(&others)),
        ask(&https, &others.authority, &known),
        ask(&http, &ours.authority, &known),
    ] {
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{told}");
        assert!(told.contains("no answer from"), "{told}");
    }
    // What is wrong with a file is told by its flag, without what it holds.
    let swapped = [("--client-certificate", clients.key.clone()), ("--client-key", clients.key.clone())];
    let wrong = ask(&https, &ours.authority, &swapped);
    let told = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert_eq!(wrong.status.code(), Some(1), "{told}");
    assert!(told.contains("--client-certificate") && !told.contains("PRIVATE"), "{told}");
    let alone = run(&["incidents", "--server", &https], &[("--client-certificate", &clients.certificate)]);
    assert_eq!(alone.status.code(), Some(1));

    let mut flags = vec![("--ca", ours.authority.as_path())];
    flags.extend(known.iter().map(|(flag, path)| (*flag, path.as_path())));
    let doctor = run(&["doctor", "--server", &https], &flags);
    let told = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert_eq!(doctor.status.code(), Some(0), "{told}");
    assert!(told.contains("was read back"), "{told}");
    assert_eq!(server.terminate(), Some(0));
}

/// As in a container, where variables say what the server was started with.
fn health(variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_casebook"));
    let output = command.args(["doctor", "--health"]).envs(variables.iter().copied()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_check_of_health_needs_no_key_and_no_authority() {
    let dir = tempfile::tempdir().unwrap();
    let [ours, clients] = ["ours", "clients"].map(|name| Files::write(dir.path(), name));
    let keys = dir.path().join("keys.toml");
    std::fs::write(&keys, NewKey::generate(Scope::Admin).unwrap().file_entry("a", None)).unwrap();
    let path = |path: &PathBuf| path.to_str().unwrap().to_owned();
    let (certificate, key, authority) = (path(&ours.certificate), path(&ours.key), path(&clients.authority));
    let tls = [("--tls-certificate", &certificate), ("--tls-key", &key), ("--tls-client-ca", &authority)];
    for (asked_for, is_told_apart) in [(0, false), (2, false), (3, true)] {
        let mut serve = command(&dir.path().join("data"));
        serve.arg("--keys").arg(&keys);
        for (flag, file) in tls.iter().take(asked_for) {
            serve.arg(flag).arg(file);
        }
        let server = Served::spawn(&mut serve);
        let admin = server.ready.admin.to_string();
        // The data directory is the server's, and nobody else looks at it.
        let mut variables = vec![("CASEBOOK_ADMIN", &*admin), ("CASEBOOK_DATA", "/nowhere")];
        if asked_for > 0 {
            variables.push(("CASEBOOK_TLS_CERTIFICATE", &*certificate));
        }
        let (client, client_key) = (path(&clients.certificate), path(&clients.key));
        if is_told_apart {
            assert_eq!(health(&variables).0, Some(4), "without a certificate");
            variables.push(("CASEBOOK_CLIENT_CERTIFICATE", &*client));
            variables.push(("CASEBOOK_CLIENT_KEY", &*client_key));
        }
        let (code, told) = health(&variables);
        assert_eq!(code, Some(0), "{told}");
        assert!(told.contains("/readyz answers 200") && told.contains("journal"), "{told}");
        assert_eq!(server.terminate(), Some(0));
        let (code, told) = health(&variables);
        assert!(code == Some(4) && told.contains("no answer"), "{told}");
    }
}
