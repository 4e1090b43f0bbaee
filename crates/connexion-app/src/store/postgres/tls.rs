//! TLS to the database, and whom to take for it.

use std::path::PathBuf;
use std::sync::Arc;

use tokio_postgres::Socket;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

/// A connection under TLS, or not.
pub(super) type Stream = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;

/// Whose certificate a server must have.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Trust {
    /// Any: nobody listens in, but who is at the other end is not known (`prefer`, `require`).
    Anyone,
    /// One of an authority that the operating system knows, for the host's name (`verify-full`).
    System,
    /// One of an authority in a PEM file.
    File {
        /// The file.
        path: PathBuf,
        /// Whether it may be for another host (`require` with a file).
        any_name: bool,
    },
}

/// What makes TLS of a connection.
///
/// # Errors
/// If the authorities can't be read; says which file.
pub(super) fn connector(trust: &Trust) -> Result<MakeRustlsConnect, String> {
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let config = match trust {
        Trust::System => config.with_root_certificates(system()?),
        Trust::File { path, any_name } => {
            let roots = file(path).map_err(|e| format!("sslrootcert: {}: {e}", path.display()))?;
            if *any_name {
                let verifier = Lenient::new(provider, Some(roots))?;
                config
                    .dangerous()
                    .with_custom_certificate_verifier(verifier)
            } else {
                config.with_root_certificates(roots)
            }
        }
        Trust::Anyone => {
            let verifier = Lenient::new(provider, None)?;
            config
                .dangerous()
                .with_custom_certificate_verifier(verifier)
        }
    };
    Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
}

fn system() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err("sslmode=verify-full: the operating system knows no authorities, name a file with sslrootcert".to_owned());
    }
    Ok(roots)
}

fn file(path: &PathBuf) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() {
        return Err("there is no certificate in it".to_owned());
    }
    Ok(roots)
}

/// Asks for less than a name and an authority, as libpq does below `verify-full`.
#[derive(Debug)]
struct Lenient {
    provider: Arc<CryptoProvider>,
    /// Whom to ask about the authority; nobody, if any will do.
    authorities: Option<Arc<WebPkiServerVerifier>>,
}

impl Lenient {
    fn new(
        provider: Arc<CryptoProvider>,
        roots: Option<RootCertStore>,
    ) -> Result<Arc<Self>, String> {
        let verifier = |roots| {
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .map_err(|error| error.to_string())
        };
        let authorities = roots.map(verifier).transpose()?;
        Ok(Arc::new(Self {
            provider,
            authorities,
        }))
    }
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(authorities) = &self.authorities else {
            return Ok(ServerCertVerified::assertion());
        };
        match authorities.verify_server_cert(certificate, between, name, ocsp, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
