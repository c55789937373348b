//! One process of the shop: what all of its services have in common.
//!
//! A service is an ordinary instrumented program: an HTTP server, an HTTP client and the OpenTelemetry SDK.
//! It must never know that Casebook watches it, which scenario is played, or what the report should say.

mod call;
mod card_provider;
mod checkout;
mod control;
mod crash;
mod fault;
mod gateway;
mod inbound;
mod inventory;
mod payment;
mod propagation;
mod step;
mod store;
mod telemetry;
mod upstream;

use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tokio::net::TcpListener;

use crate::protocol::{Message, Role, ServiceConfig};

/// The state that the handlers of one service share.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) config: ServiceConfig,
    pub(crate) tracer: SdkTracer,
    pub(crate) upstreams: upstream::Upstreams,
    pub(crate) client: reqwest::Client,
}

/// Runs the service until its standard input closes, and leaves no span behind.
pub(crate) async fn run(config: ServiceConfig) -> anyhow::Result<()> {
    if config.role == Role::CardProvider {
        return card_provider::run(&config).await;
    }
    let provider = telemetry::start(&config)?;
    let reporter = crash::install(&config)?;
    let service = Arc::new(Service {
        tracer: telemetry::tracer(&provider),
        upstreams: upstream::Upstreams::new(&config.upstreams),
        client: call::client()?,
        config,
    });
    let served = serve(routes(&service), &service, &provider).await;
    drop(reporter);
    tokio::task::spawn_blocking(move || provider.shutdown())
        .await
        .context("the exporter's shutdown stopped short")?
        .context("the last spans were not exported")?;
    served
}

fn routes(service: &Arc<Service>) -> Router {
    let routes = match service.config.role {
        Role::Gateway => gateway::routes(),
        Role::Checkout => checkout::routes(),
        Role::Payment => payment::routes(),
        Role::Inventory => inventory::routes(),
        Role::Store => store::routes(),
        Role::CardProvider => Router::new(),
    };
    let traced = axum::middleware::from_fn_with_state(Arc::clone(service), inbound::trace);
    routes.layer(traced).with_state(Arc::clone(service))
}

async fn serve(routes: Router, service: &Service, provider: &SdkTracerProvider) -> anyhow::Result<()> {
    let listener = listen().await?;
    control::say(&Message::Ready { port: listener.local_addr()?.port() });
    tokio::select! {
        served = axum::serve(listener, routes) => served.context("the HTTP server stopped"),
        () = control::obey(service, provider) => Ok(()),
    }
}

async fn listen() -> anyhow::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no port of 127.0.0.1 to listen on")
}
