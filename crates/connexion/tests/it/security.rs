//! Security schemes and requirements.

mod credentials;
mod edited;
mod requirements;
mod verifiers;

use connexion::{Api, ApiService, AuthContext, Credentials, Document, Principal, Problem};
use http::StatusCode;

use crate::support::{TestRequest, TestResponse, build, request};

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

/// Verifies credentials, which name a user and the scopes: `ann:read,write`.
async fn verify(credentials: Credentials, _: AuthContext) -> Result<Option<Principal>, Problem> {
    let text = match credentials {
        Credentials::ApiKey(text) | Credentials::Token(text) => text,
        Credentials::Basic { user, password } => format!("{user}:{password}"),
        _ => return Ok(None),
    };
    match text.split_once(':') {
        Some(("down", _)) => {
            let detail = "The verifier is down.";
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail))
        }
        Some((name, scopes)) => Ok(Some(Principal::new(name, scopes.split(',')))),
        None => Ok(None),
    }
}

async fn whoami(principal: Option<Principal>) -> String {
    principal.map_or("anonymous".to_owned(), |principal| {
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

/// Builds a service whose one operation has this `security`.
fn service(security: &str) -> ApiService {
    let document = Document::parse("a.yaml", text("", &format!("security: {security}")));
    let api = Api::from_document(document.unwrap_or_else(|diagnostics| panic!("{diagnostics}")));
    build(api.default_security(verify).operation("a", whoami))
}

/// Starts a request of the one operation.
fn call<'a>(service: &'a ApiService, query: &str) -> TestRequest<'a> {
    request(service, &format!("POST /a{query}"))
}

fn challenges(response: &TestResponse) -> Vec<&str> {
    let all = response.headers.get_all("www-authenticate").iter();
    all.map(|value| value.to_str().unwrap()).collect()
}
