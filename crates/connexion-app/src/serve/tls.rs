//! TLS for clients. The certificate is read again when its files change, since whoever renews it does so
//! every few weeks and must not have to restart anything.

use std::{
    fs, io,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use tokio::time::sleep;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
        server::{ClientHello, ResolvesServerCert},
        sign::CertifiedKey,
    },
};

use crate::{
    config::TlsFiles,
    signals::{Reload, told},
};

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(1);

/// What makes TLS of a connection, for HTTP/2 and HTTP/1.1.
///
/// # Errors
/// If a file can't be read or the two don't fit; says which.
pub(crate) fn acceptor(files: &TlsFiles, reload: Reload) -> io::Result<TlsAcceptor> {
    let renewed = Arc::new(Renewed {
        current: RwLock::new(read(files)?),
    });
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let mut config = config
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(&renewed) as Arc<dyn ResolvesServerCert>);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    tokio::spawn(watch(files.clone(), renewed, reload));
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The certificate that is shown to clients.
#[derive(Debug)]
struct Renewed {
    current: RwLock<Arc<CertifiedKey>>,
}

impl ResolvesServerCert for Renewed {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current))
    }
}

async fn watch(files: TlsFiles, renewed: Arc<Renewed>, mut reload: Reload) {
    let mut seen = changed(&files);
    let mut warned = String::new();
    loop {
        let is_told = tokio::select! {
            () = sleep(EVERY) => false,
            () = told(&mut reload) => true,
        };
        let now = changed(&files);
        if now == seen && !is_told {
            continue;
        }
        match read(&files) {
            Ok(certificate) => {
                let current = renewed.current.write();
                *current.unwrap_or_else(PoisonError::into_inner) = certificate;
                tracing::info!("the certificate was renewed");
                seen = now;
                warned.clear();
            }
            // One of the two may be there before the other; the next look may find both. What is wrong for long is
            // told once: a line each second would bury the rest of the log.
            Err(error) => {
                let error = error.to_string();
                if error != warned || is_told {
                    tracing::warn!("the old certificate is kept: {error}");
                    warned = error;
                }
            }
        }
    }
}

/// When each file was changed.
fn changed(files: &TlsFiles) -> [Option<SystemTime>; 2] {
    [&files.certificate, &files.key].map(|path| fs::metadata(path).ok()?.modified().ok())
}

fn read(files: &TlsFiles) -> io::Result<Arc<CertifiedKey>> {
    let TlsFiles { certificate, key } = files;
    let fault = |setting: &str, path: &PathBuf, reason: &dyn std::fmt::Display| {
        io::Error::other(format!("{setting}: {}: {reason}", path.display()))
    };
    let wrong_certificate =
        |reason: &dyn std::fmt::Display| fault("APP_TLS_CERT", certificate, reason);
    let chain = CertificateDer::pem_file_iter(certificate).map_err(|e| wrong_certificate(&e))?;
    let chain: Vec<_> = chain
        .collect::<Result<_, _>>()
        .map_err(|e| wrong_certificate(&e))?;
    if chain.is_empty() {
        return Err(wrong_certificate(&"there is no certificate in it"));
    }
    let wrong_key = |reason: &dyn std::fmt::Display| fault("APP_TLS_KEY", key, reason);
    let private = PrivateKeyDer::from_pem_file(key).map_err(|e| wrong_key(&e))?;
    let provider = ring::default_provider();
    let pair = CertifiedKey::from_der(chain, private, &provider).map_err(|e| wrong_key(&e))?;
    Ok(Arc::new(pair))
}

#[cfg(test)]
mod tests {
    use rcgen::generate_simple_self_signed;
    use tracing_subscriber::fmt;

    use super::*;

    /// A line each second would bury what else is told.
    #[tokio::test(start_paused = true)]
    async fn what_stays_wrong_is_told_once() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("error.log");
        let file = Arc::new(fs::File::create(&log).unwrap());
        let subscriber = fmt().with_ansi(false).with_writer(file).finish();
        let _logging = tracing::subscriber::set_default(subscriber);
        let lines = |text: &str| fs::read_to_string(&log).unwrap().matches(text).count();
        let files = TlsFiles {
            certificate: directory.path().join("service.crt"),
            key: directory.path().join("service.key"),
        };
        let good = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(&files.certificate, good.cert.pem()).unwrap();
        fs::write(&files.key, good.signing_key.serialize_pem()).unwrap();
        let (_told, reload) = tokio::sync::watch::channel(());
        let _acceptor = acceptor(&files, reload).unwrap();
        // It looks for the first time.
        sleep(EVERY / 2).await;
        fs::write(&files.certificate, "nothing").unwrap();
        sleep(10 * EVERY).await;
        assert_eq!(lines("APP_TLS_CERT: "), 1);
        fs::remove_file(&files.certificate).unwrap();
        sleep(10 * EVERY).await;
        assert_eq!(lines("APP_TLS_CERT: "), 2);
        fs::write(&files.certificate, good.cert.pem()).unwrap();
        sleep(10 * EVERY).await;
        assert_eq!(lines("the certificate was renewed"), 1);
    }
}
