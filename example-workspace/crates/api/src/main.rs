//! The shop's pages and its JSON.
//!
//! `PORT` is where it listens (8080), `ASSETS_DIR` the folder that holds `static` and `templates` (the working folder).

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::get;
use axum::{Json, Router};
use minijinja::{Environment, context, path_loader};
use orders_shared::{Amount, Item, catalogue};
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};
use tower_http::services::ServeDir;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    if env::args().any(|arg| arg == "--version") {
        println!("api {}", env!("CARGO_PKG_VERSION"));
        return Ok(());
    }
    tracing_subscriber::fmt().compact().init();
    let assets = env::var_os("ASSETS_DIR").map_or_else(|| PathBuf::from("."), PathBuf::from);
    let port: u16 = env::var("PORT").map_or(Ok(8080), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("0.0.0.0", port)).await?;
    tracing::info!("listening on {}", listener.local_addr()?);
    axum::serve(listener, router(assets)).with_graceful_shutdown(stopped()).await?;
    Ok(())
}

fn router(assets: PathBuf) -> Router {
    let mut pages = Environment::new();
    pages.set_loader(path_loader(assets.join("templates")));
    Router::new()
        .route("/", get(index))
        .route("/health", get(|| async { "ok" }))
        .route("/items", get(|| async { Json(catalogue()) }))
        .route("/upstream", get(upstream))
        .nest_service("/static", ServeDir::new(assets.join("static")))
        .with_state(Arc::new(pages))
}

type Failed = (StatusCode, String);

async fn index(State(pages): State<Arc<Environment<'static>>>) -> Result<Html<String>, Failed> {
    let items: Vec<_> = catalogue()
        .into_iter()
        .map(|Item { name, cents, .. }| context! { name, price => Amount(cents).to_string() })
        .collect();
    let page = pages.get_template("index.html").and_then(|page| page.render(context! { items }));
    page.map(Html).map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

#[derive(Deserialize)]
struct Upstream {
    url: String,
}

#[derive(Serialize)]
struct Answer {
    status: u16,
    length: usize,
}

/// Asks a supplier over TLS, trusting whom the system trusts.
async fn upstream(Query(Upstream { url }): Query<Upstream>) -> Result<Json<Answer>, Failed> {
    let asked = tokio::task::spawn_blocking(move || {
        let tls = ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::PlatformVerifier).build();
        let agent = ureq::Agent::config_builder().tls_config(tls).http_status_as_error(false).build().new_agent();
        let mut answer = agent.get(&url).call()?;
        let length = answer.body_mut().read_to_vec()?.len();
        Ok::<_, ureq::Error>(Answer { status: answer.status().as_u16(), length })
    });
    match asked.await {
        Ok(Ok(answer)) => Ok(Json(answer)),
        Ok(Err(error)) => Err((StatusCode::BAD_GATEWAY, error.to_string())),
        Err(error) => Err((StatusCode::INTERNAL_SERVER_ERROR, error.to_string())),
    }
}

async fn stopped() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
