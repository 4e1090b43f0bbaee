//! Security schemes and requirements.

mod credentials;
mod edited;
mod requirements;
mod verifiers;

use axum::body::Body;
use connexion::{Api, ApiService, AuthContext, Credentials, Document, Principal, Problem};
use http::StatusCode;

use crate::support::{Answer, build, send};

const SCHEMES: &str = "
components:
  securitySchemes:
    header: {type: apiKey, in: header, name: X-Key}
    query: {type: apiKey, in: query, name: key}
    cookie: {type: apiKey, in: cookie, name: key}
    basic: {type: http, scheme: Basic}
    bearer: {type: http, scheme: bearer}
    digest: {type: http, scheme: Digest}
    oauth: {type: oauth2, flows: {}}
    oidc: {type: openIdConnect, openIdConnectUrl: 'https://a.example'}
";

/// Good credentials name a user and the scopes: `ann:read,write`.
async fn verify(credentials: Credentials, _: AuthContext) -> Result<Option<Principal>, Problem> {
    let text = match credentials {
        Credentials::ApiKey(text) | Credentials::Token(text) => text,
        Credentials::Basic { user, password } => format!("{user}:{password}"),
        _ => return Ok(None),
    };
    match text.split_once(':') {
        Some(("down", _)) => {
            let detail = "Nobody can tell now.";
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail))
        }
        Some((name, scopes)) => Ok(Some(Principal::new(name, scopes.split(',')))),
        None => Ok(None),
    }
}

async fn whoami(principal: Option<Principal>) -> String {
    principal.map_or("nobody".to_owned(), |principal| {
        let scopes: Vec<_> = principal.scopes.into_iter().collect();
        format!("{} {}", principal.name, scopes.join(","))
    })
}

fn text(root: &str, security: &str) -> String {
    format!(
        "openapi: 3.1.0\ninfo: {{title: 'A \"b\"', version: '1'}}\n{root}\npaths:\n  /a:\n    post:\n      \
         operationId: a\n      {security}\n      parameters: [{{name: n, in: query, schema: {{type: integer}}}}]\n      \
         requestBody: {{content: {{application/json: {{schema: {{type: object}}}}}}}}\n      \
         responses: {{'200': {{description: d}}}}{SCHEMES}"
    )
}

/// A service whose one operation has this `security`.
fn service(security: &str) -> ApiService {
    let document = Document::parse("a.yaml", text("", &format!("security: {security}")));
    let api = Api::from_document(document.unwrap_or_else(|faults| panic!("{faults}")));
    build(api.default_security(verify).operation("a", whoami))
}

async fn ask(service: &ApiService, query: &str, fields: &[(&str, &str)]) -> Answer {
    send(service, &format!("POST /a{query}"), fields, Body::empty()).await
}

fn challenges(answer: &Answer) -> Vec<&str> {
    let all = answer.headers.get_all("www-authenticate").iter();
    all.map(|value| value.to_str().unwrap()).collect()
}
