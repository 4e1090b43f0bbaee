//! What is asked of clients, and what is served to them beside the API.

use jsonwebtoken::{Algorithm, AlgorithmFamily};

use super::{CorsOrigins, JwksSource, JwtSettings, TlsFiles, Values};

/// How many characters a secret needs that nobody can guess.
const SECRET: usize = 32;

impl Values<'_> {
    pub(super) fn cors_origins(&self) -> Option<CorsOrigins> {
        let name = "APP_CORS_ORIGINS";
        let text = self.text(name)?;
        let origins: Vec<_> = text.split(',').map(|one| one.trim().to_owned()).collect();
        if origins == ["*"] {
            return Some(CorsOrigins::Any);
        }
        if let Some(wrong) = origins.iter().find(|one| !is_origin(one)) {
            let reason = format!("'{wrong}' is neither * nor like https://example.org:8000");
            self.refuse(name, &reason);
        }
        Some(CorsOrigins::These(origins))
    }

    pub(super) fn session_secret(&self) -> Option<String> {
        let name = "APP_SESSION_SECRET";
        let secret = self.text(name)?;
        if secret.len() < SECRET {
            self.refuse(name, &format!("must have at least {SECRET} characters"));
        }
        Some(secret)
    }

    pub(super) fn jwt(&self) -> Option<JwtSettings> {
        let names = ["APP_JWT_ISSUER", "APP_JWT_AUDIENCE", "APP_JWT_ALGORITHMS"];
        let Some(jwks) = self.text("APP_JWT_JWKS") else {
            for name in names.into_iter().filter(|name| self.text(name).is_some()) {
                self.refuse(name, "has no meaning without APP_JWT_JWKS");
            }
            return None;
        };
        let missing = "is missing, though APP_JWT_JWKS is there";
        let [issuer, audience, algorithms] = names.map(|name| self.required(name, missing));
        let is_address = jwks.starts_with("https://") || jwks.starts_with("http://");
        Some(JwtSettings {
            jwks: if is_address {
                JwksSource::Address(jwks)
            } else {
                JwksSource::File(jwks.into())
            },
            issuer: issuer?,
            audience: audience?,
            algorithms: self.algorithms(&algorithms?),
        })
    }

    fn algorithms(&self, names: &str) -> Vec<Algorithm> {
        let known = |name: &str| {
            let found: Option<Algorithm> = name.trim().parse().ok();
            found.filter(|algorithm| algorithm.family() != AlgorithmFamily::Hmac)
        };
        let read = |name: &str| {
            let found = known(name);
            if found.is_none() {
                let few = "RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA";
                self.refuse("APP_JWT_ALGORITHMS", &format!("'{name}' is none of {few}"));
            }
            found
        };
        names.split(',').filter_map(read).collect()
    }

    /// Without the feature it is none, so that a cluster may set it for all its programs.
    pub(super) fn otlp_endpoint(&self) -> Option<String> {
        let name = "OTEL_EXPORTER_OTLP_ENDPOINT";
        let endpoint = self.text(name).filter(|_| cfg!(feature = "otlp"))?;
        let uri = endpoint.parse::<http::Uri>();
        if !uri.is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https"))) {
            let reason = format!("'{endpoint}' is not like http://127.0.0.1:4318");
            self.refuse(name, &reason);
        }
        Some(endpoint)
    }

    pub(super) fn tls(&self) -> Option<TlsFiles> {
        let (certificate, key) = (self.text("APP_TLS_CERT"), self.text("APP_TLS_KEY"));
        if certificate.is_none() && key.is_none() {
            return None;
        }
        let certificate = self.required("APP_TLS_CERT", "is missing, though APP_TLS_KEY is there");
        let key = self.required("APP_TLS_KEY", "is missing, though APP_TLS_CERT is there");
        Some(TlsFiles {
            certificate: certificate?.into(),
            key: key?.into(),
        })
    }
}

/// Whether a browser could send it as its `Origin`: a scheme, a host, perhaps a port, and no path.
fn is_origin(text: &str) -> bool {
    let uri = text.parse::<http::Uri>();
    uri.is_ok_and(|uri| {
        let place = uri.authority().map(http::uri::Authority::as_str);
        let scheme = uri.scheme_str().unwrap_or_default();
        place.is_some_and(|place| text == format!("{scheme}://{place}"))
    })
}
