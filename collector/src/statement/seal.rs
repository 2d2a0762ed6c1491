//! A statement with what makes it checkable: its model, the language it is in, the
//! digest of its records, and an Ed25519 signature (RFC 8032) over all of that.
//!
//! **What is signed** is the payload: a JSON object in the form of RFC 8785 (no space,
//! keys in order, and, since the model has no fractions, integers only). A page holds
//! it as base64 in `<meta name="hearth-statement">` and the signature in `<meta
//! name="hearth-signature">`, a PDF in the file `statement.json` attached to it. The
//! text around it is not signed: it is drawn again and compared, see `verify`.

use std::fmt;

use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::messages::Lang;
use super::records::{Digest, hex};
use super::words::{Proof, Sheet};
use super::{Statement, base64};

/// The payload's format.
const FORMAT: &str = "hearth-statement-3";
/// DER of an Ed25519 public key up to the key itself (RFC 8410).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Why a key can't be used. The content itself is never told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text holds no key of the kind.
    #[error("its content is not accepted: {0}")]
    Content(
        /// What would have been.
        &'static str,
    ),
    /// The system gave no random octets.
    #[error("no key could be made: the system gave no random octets")]
    NoRandom,
}

/// An Ed25519 public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// From PEM (RFC 8410), as [`Self::pem`] or `openssl pkey -pubout` writes it.
    ///
    /// # Errors
    /// Names what is accepted.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let key = SubjectPublicKeyInfoDer::from_pem_slice(pem).ok();
        let key = key.and_then(|der| der.strip_prefix(&SPKI).and_then(|k| k.try_into().ok()));
        key.map(Self).ok_or(KeyError::Content("an Ed25519 public key as PEM"))
    }

    /// As PEM.
    pub fn pem(self) -> String {
        pem("PUBLIC KEY", &[&SPKI[..], &self.0].concat())
    }
}

/// By the SHA-256 of its DER, as OpenSSH writes fingerprints, but in hexadecimal.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let der = [&SPKI[..], &self.0].concat();
        write!(f, "SHA256:{}", hex(digest(&SHA256, &der).as_ref()))
    }
}

/// PEM (RFC 7468): lines of 64.
fn pem(what: &str, der: &[u8]) -> String {
    let body = base64::encode(der);
    let lines: Vec<&str> =
        body.as_bytes().chunks(64).filter_map(|c| std::str::from_utf8(c).ok()).collect();
    format!("-----BEGIN {what}-----\n{}\n-----END {what}-----\n", lines.join("\n"))
}

/// A private key to sign statements with.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// From PEM (PKCS#8), as [`Self::generate`] or `openssl genpkey -algorithm ed25519`
    /// writes it.
    ///
    /// # Errors
    /// Names what is accepted.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).ok();
        // OpenSSL leaves the public key out.
        let key = der.and_then(|der| {
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()).ok()
        });
        key.map(Self).ok_or(KeyError::Content("an Ed25519 private key as PEM (PKCS#8)"))
    }

    /// Makes one: with the PEM that it is kept as.
    ///
    /// # Errors
    /// Where the system gives no random octets.
    pub fn generate() -> Result<(String, Self), KeyError> {
        let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
        let der = der.map_err(|_| KeyError::NoRandom)?;
        let key = Ed25519KeyPair::from_pkcs8(der.as_ref()).map_err(|_| KeyError::NoRandom)?;
        Ok((pem("PRIVATE KEY", der.as_ref()), Self(key)))
    }

    /// Its public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(std::array::from_fn(|i| self.0.public_key().as_ref()[i]))
    }
}

/// A signature, with the key that it is by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The signer's.
    pub key: PublicKey,
    octets: Vec<u8>,
}

impl Signature {
    /// As a file holds it: `ed25519 KEY SIGNATURE`, both in base64.
    pub fn text(&self) -> String {
        format!("ed25519 {} {}", base64::encode(&self.key.0), base64::encode(&self.octets))
    }

    /// From [`Self::text`]; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.strip_prefix("ed25519 ")?.split(' ');
        let key = base64::decode(words.next()?)?.try_into().ok()?;
        let octets = base64::decode(words.next()?)?;
        words.next().is_none().then_some(Self { key: PublicKey(key), octets })
    }

    /// Whether it is its key's over `payload`.
    pub fn holds(&self, payload: &str) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, self.key.0);
        key.verify(payload.as_bytes(), &self.octets).is_ok()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    format: String,
    program: String,
    language: String,
    records: Option<Digest>,
    statement: Statement,
}

/// A statement in a language, with the digest of its records and, if it is signed, the
/// signature over all of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sealed {
    /// The model.
    pub statement: Statement,
    /// The language of its words.
    pub lang: Lang,
    /// Of its records; `None` where nobody asked for it.
    pub records: Option<Digest>,
    /// The version of the program that drew it up.
    pub program: String,
    /// Over [`Self::payload`].
    pub signature: Option<Signature>,
}

/// Why a payload is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// Not JSON of a statement.
    #[error("the embedded figures can't be read")]
    Json(#[from] serde_json::Error),
    /// Another format.
    #[error("format {0:?} is not accepted: {FORMAT}")]
    Format(String),
    /// A language that this program has no words for.
    #[error(transparent)]
    Lang(#[from] super::messages::LangError),
    /// The same figures, written otherwise.
    #[error("the embedded figures are not in their canonical form")]
    NotCanonical,
}

/// JSON in the form of RFC 8785, of values without fractions.
fn canonical(value: &Value, into: &mut String) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
            into.push('{');
            for (i, key) in keys.into_iter().enumerate() {
                if i > 0 {
                    into.push(',');
                }
                into.push_str(&Value::from(key.as_str()).to_string());
                into.push(':');
                canonical(&map[key], into);
            }
            into.push('}');
        }
        Value::Array(items) => {
            into.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    into.push(',');
                }
                canonical(item, into);
            }
            into.push(']');
        }
        other => into.push_str(&other.to_string()),
    }
}

impl Sealed {
    /// Unsigned, and with nothing said of its records: to be read at once.
    pub fn plain(statement: Statement, lang: Lang) -> Self {
        let program = env!("CARGO_PKG_VERSION").to_owned();
        Self { statement, lang, records: None, program, signature: None }
    }

    /// What is signed.
    pub fn payload(&self) -> String {
        let payload = Payload {
            format: FORMAT.to_owned(),
            program: self.program.clone(),
            language: self.lang.tag().to_owned(),
            records: self.records.clone(),
            statement: self.statement.clone(),
        };
        let mut text = String::new();
        // Plain structs with string keys.
        canonical(&serde_json::to_value(payload).expect("statements serialise"), &mut text);
        text
    }

    /// Signs it.
    #[must_use]
    pub fn signed(mut self, key: &SigningKey) -> Self {
        let octets = key.0.sign(self.payload().as_bytes()).as_ref().to_vec();
        self.signature = Some(Signature { key: key.public(), octets });
        self
    }

    /// From what a file holds. The signature is taken as it is, not checked.
    ///
    /// # Errors
    /// Where the payload is not one that [`Self::payload`] would give.
    pub fn open(payload: &str, signature: Option<Signature>) -> Result<Self, PayloadError> {
        let read: Payload = serde_json::from_str(payload)?;
        if read.format != FORMAT {
            return Err(PayloadError::Format(read.format));
        }
        let sealed = Self {
            statement: read.statement,
            lang: read.language.parse()?,
            records: read.records,
            program: read.program,
            signature,
        };
        if sealed.payload() == payload { Ok(sealed) } else { Err(PayloadError::NotCanonical) }
    }

    /// Its words.
    pub fn sheet(&self) -> Sheet {
        let key = self.signature.as_ref().map(|s| s.key.to_string());
        let proof = Proof { records: self.records.as_ref(), key: key.as_deref() };
        Sheet::new(&self.statement, self.lang, proof)
    }
}
