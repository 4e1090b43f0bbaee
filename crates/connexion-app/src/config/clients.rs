//! What is asked of clients, and what is served to them beside the API.

use jsonwebtoken::{Algorithm, AlgorithmFamily};

use super::{CorsOrigins, JwksSource, JwtSettings, SettingError, TlsFiles, Values};

impl Values<'_> {
    pub(super) fn cors_origins(&self) -> Result<Option<CorsOrigins>, SettingError> {
        let name = "APP_CORS_ORIGINS";
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let origins: Vec<_> = text.split(',').map(|one| one.trim().to_owned()).collect();
        if origins == ["*"] {
            return Ok(Some(CorsOrigins::Any));
        }
        match origins.iter().find(|one| !is_origin(one)) {
            Some(wrong) => {
                let reason = format!("'{wrong}' is neither * nor like https://example.org:8000");
                Err(self.error(name, &reason))
            }
            None => Ok(Some(CorsOrigins::These(origins))),
        }
    }

    pub(super) fn jwt(&self) -> Result<Option<JwtSettings>, SettingError> {
        let names = ["APP_JWT_ISSUER", "APP_JWT_AUDIENCE", "APP_JWT_ALGORITHMS"];
        let Some(jwks) = self.text("APP_JWT_JWKS") else {
            let lonely = names.into_iter().find(|name| self.text(name).is_some());
            let reason = "has no meaning without APP_JWT_JWKS";
            return lonely.map_or(Ok(None), |name| Err(self.error(name, reason)));
        };
        let required = |name| {
            let missing = "is missing, though APP_JWT_JWKS is there";
            self.text(name).ok_or_else(|| self.error(name, missing))
        };
        let is_address = jwks.starts_with("https://") || jwks.starts_with("http://");
        Ok(Some(JwtSettings {
            jwks: if is_address {
                JwksSource::Address(jwks)
            } else {
                JwksSource::File(jwks.into())
            },
            issuer: required("APP_JWT_ISSUER")?,
            audience: required("APP_JWT_AUDIENCE")?,
            algorithms: self.algorithms(&required("APP_JWT_ALGORITHMS")?)?,
        }))
    }

    fn algorithms(&self, names: &str) -> Result<Vec<Algorithm>, SettingError> {
        let known = |name: &str| {
            let found: Option<Algorithm> = name.trim().parse().ok();
            found.filter(|algorithm| algorithm.family() != AlgorithmFamily::Hmac)
        };
        let read = |name: &str| {
            known(name).ok_or_else(|| {
                let few = "RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA";
                self.error("APP_JWT_ALGORITHMS", &format!("'{name}' is none of {few}"))
            })
        };
        names.split(',').map(read).collect()
    }

    /// Without the feature it is none, so that a cluster may set it for all its programs.
    pub(super) fn otlp_endpoint(&self) -> Result<Option<String>, SettingError> {
        let name = "OTEL_EXPORTER_OTLP_ENDPOINT";
        let endpoint = self.text(name).filter(|_| cfg!(feature = "otlp"));
        let is_address = |text: &String| {
            let uri = text.parse::<http::Uri>();
            uri.is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")))
        };
        match endpoint {
            Some(wrong) if !is_address(&wrong) => {
                let reason = format!("'{wrong}' is not like http://127.0.0.1:4318");
                Err(self.error(name, &reason))
            }
            endpoint => Ok(endpoint),
        }
    }

    pub(super) fn tls(&self) -> Result<Option<TlsFiles>, SettingError> {
        let (certificate, key) = (self.text("APP_TLS_CERT"), self.text("APP_TLS_KEY"));
        match (certificate, key) {
            (Some(certificate), Some(key)) => Ok(Some(TlsFiles {
                certificate: certificate.into(),
                key: key.into(),
            })),
            (None, None) => Ok(None),
            (Some(_), None) => {
                Err(self.error("APP_TLS_KEY", "is missing, though APP_TLS_CERT is there"))
            }
            (None, Some(_)) => {
                Err(self.error("APP_TLS_CERT", "is missing, though APP_TLS_KEY is there"))
            }
        }
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
