//! Certificates of listeners.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why a certificate can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("`{}` can't be read: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("`{}` has no {expected} in PEM form: {error}", path.display())]
    Form { path: PathBuf, expected: &'static str, error: pem::Error },
    #[error("the certificate and the key can't be used: {0}")]
    Pair(rustls::Error),
}

/// Reads a certificate chain and its key.
pub(crate) fn tls_config(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = CertificateDer::pem_slice_iter(&read(certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .and_then(|chain| if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) })
        .map_err(|error| TlsError::Form { path: certificate.into(), expected: "certificate", error })?;
    let text = zeroize::Zeroizing::new(read(key)?);
    let key = PrivateKeyDer::from_pem_slice(&text).map_err(|error| TlsError::Form {
        path: key.into(),
        expected: "private key",
        error,
    })?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(TlsError::Pair)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|error| TlsError::Read { path: path.into(), error })
}
