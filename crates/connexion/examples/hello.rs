//! The smallest API: `cargo run -p connexion --example hello`, then `curl '127.0.0.1:3000/hello/Ann?times=2'`.

use connexion::{Api, Body, Document, Params};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Hello {
    name: String,
    times: usize,
}

async fn hello(Params(Hello { name, times }): Params<Hello>) -> Body<Value> {
    Body(json!({"text": vec![format!("Hello {name}!"); times].join(" ")}))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let document = Document::parse("hello.yaml", include_str!("hello.yaml"))?;
    let api = Api::from_document(document).operation("hello", hello);
    let service = api.serve_document(true).build(())?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, axum::Router::new().fallback_service(service)).await?;
    Ok(())
}
