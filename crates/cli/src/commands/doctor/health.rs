//! Whether a server on this machine is ready, as it says itself on the listener that is there for that. Nothing is
//! sent, and no key: it must hold for who starts containers and knows none.

use std::time::Duration;

use api::{Check, CheckStatus, Health};
use reqwest::{Client, Response, StatusCode};
use server::{AdminDoor, SettingFlags};

use super::check;
use crate::client::no_answer;
use crate::transport::{TlsArguments, Transport, Trust};

/// Shorter than who watches containers waits.
const ANSWER_WAIT: Duration = Duration::from_secs(5);

pub(super) async fn checks(settings: &SettingFlags, tls: &TlsArguments) -> Vec<Check> {
    let door = match settings.admin_door() {
        Ok(door) => door,
        Err(errors) => {
            let faults = errors.0.iter();
            return faults
                .map(|error| check("configuration", CheckStatus::Fail, error.to_string()))
                .collect();
        }
    };
    match ask(door, tls).await {
        Ok(checks) => checks,
        Err(detail) => vec![check("server", CheckStatus::Fail, detail)],
    }
}

async fn ask(door: AdminDoor, tls: &TlsArguments) -> Result<Vec<Check>, String> {
    let AdminDoor { address, is_behind_tls } = door;
    let scheme = if is_behind_tls { "https" } else { "http" };
    let client =
        Client::builder().timeout(ANSWER_WAIT).no_proxy().build().map_err(|error| error.to_string())?;
    let transport = Transport::new(client, is_behind_tls, tls, Trust::ThisMachine, ANSWER_WAIT)?;
    let get = async |path: &str| {
        let url = format!("{scheme}://{address}{path}");
        let answer = transport.send(transport.client.get(&url)).await;
        answer.map(|answer| (url.clone(), answer)).map_err(|error| no_answer(&url, &*error))
    };
    let (url, answer) = get("/readyz").await?;
    if answer.status() != StatusCode::UNAUTHORIZED {
        return Ok(of_readyz(&url, answer).await);
    }
    // It listens on an address that is not of this machine alone, and says no more than that it lives.
    let (url, answer) = get("/livez").await?;
    let found = if answer.status().is_success() { CheckStatus::Ok } else { CheckStatus::Fail };
    Ok(vec![check("server", found, format!("{url} answers {}", answer.status()))])
}

async fn of_readyz(url: &str, answer: Response) -> Vec<Check> {
    let status = answer.status();
    let found = if status.is_success() { CheckStatus::Ok } else { CheckStatus::Fail };
    let mut checks = vec![check("server", found, format!("{url} answers {status}"))];
    // One that is too busy for this has no list of checks either.
    checks.extend(answer.json::<Health>().await.map(|health| health.checks).unwrap_or_default());
    checks
}
