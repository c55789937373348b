//! `POST /v1/deployments`: a new version of a service put to work. As strict as signals.

use model::{Deployment, Str};

use crate::signals::time;
use crate::strict::fields::{Fields, Problems};
use crate::strict::items::{self, Item, Shape};
use crate::{Context, DecodeError, Rejected, digest};

const SHAPE: Shape = Shape {
    member: "deployments",
    expected: "a deployment, an array of deployments or {\"deployments\": [..]}",
};

const FIELDS: [&str; 9] =
    ["id", "service", "env", "version", "previous_version", "at", "commit", "pull_request", "author"];

/// A single object, an array, or `{"deployments": [..]}`.
pub fn from_json(
    body: &[u8],
    context: &Context<'_>,
) -> Result<(Vec<Deployment>, Vec<Rejected>), DecodeError> {
    let limits = context.limits;
    DecodeError::check_size(body, limits.body_bytes_max)?;
    let (mut deployments, mut rejected) = (Vec::new(), Vec::new());
    items::read(body, SHAPE, limits, &mut |item| {
        if item.index == limits.facts_per_request_max {
            return Err(DecodeError::TooMany { what: SHAPE.member, max: limits.facts_per_request_max });
        }
        match deployment(&item, context) {
            Ok(deployment) => deployments.push(deployment),
            Err(refused) => rejected.push(refused),
        }
        Ok(())
    })?;
    Ok((deployments, rejected))
}

fn deployment(item: &Item<'_>, context: &Context<'_>) -> Result<Deployment, Rejected> {
    let mut problems = Problems::new(context.limits.problems_per_item_max);
    items::check_bound(item, context.limits, &mut problems);
    let id = items::text_field(&item.node, "id");
    let read = Fields::of(&item.node, String::new(), &mut problems).and_then(|mut f| read(&mut f, context));
    match read {
        Some(deployment) if problems.found == 0 => Ok(deployment),
        _ => Err(Rejected::from_problems(item.index, id, problems.into_list())),
    }
}

fn read(fields: &mut Fields<'_, '_>, context: &Context<'_>) -> Option<Deployment> {
    let name_max = context.limits.name_bytes_max;
    fields.refuse_unknown(&FIELDS);
    let id = fields.name("id", context.limits.id_bytes_max);
    let service = fields.required("service", name_max, "the service that was deployed");
    let version = fields.required("version", name_max, "the version that was deployed");
    let mut deployment = Deployment {
        id: Str::from(""),
        env: fields.name("env", name_max),
        previous_version: fields.name("previous_version", name_max),
        at: time(fields, context),
        commit: fields.name("commit", name_max),
        pull_request: fields.name("pull_request", name_max),
        author: fields.name("author", name_max),
        service: service?.into(),
        version: version?.into(),
    };
    deployment.id = id.unwrap_or_else(|| derived_id(&deployment));
    Some(deployment)
}

/// One service gets one version in one environment once at one time.
fn derived_id(deployment: &Deployment) -> Str {
    let env = deployment.env.as_deref().unwrap_or("");
    let at = deployment.at.0.to_be_bytes();
    let parts = [deployment.service.as_bytes(), env.as_bytes(), deployment.version.as_bytes(), &at];
    digest::content_id("dep_", &parts).into()
}

#[cfg(test)]
mod tests;
