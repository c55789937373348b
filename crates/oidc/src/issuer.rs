//! The issuer: where its end points are, which keys it signs with, and the two steps of a login. What it says of itself is
//! asked for when somebody logs in, and kept for a while; an issuer that is down stops nothing else.

mod metadata;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use form_urlencoded::Serializer;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::Full;
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::client::{Client, FetchError};
use crate::token::{Expected, KeySet, judge, verify};
use crate::{Attempt, ClientError, Identity, Provider, TokenFault};
use metadata::Metadata;

/// How long what the issuer says of itself counts.
const KEPT: Duration = Duration::from_secs(3600);
/// How long a failure to ask it counts.
const FAILURE_KEPT: Duration = Duration::from_secs(2);
/// How often an unknown key makes us ask again.
const RENEWED_EVERY: Duration = Duration::from_secs(10);
/// Logins that may wait for the issuer at once; the next is refused, so that an issuer that hangs holds nobody else up.
const LOGINS_MAX: usize = 16;
/// Of what the issuer says went wrong, as much is repeated.
const TOLD_CHARS_MAX: usize = 200;

#[derive(Debug)]
pub struct Issuer {
    provider: Provider,
    client: Client,
    logins: Semaphore,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    known: Option<(Arc<Known>, Instant)>,
    failed: Option<(String, Instant)>,
    renewed: Option<Instant>,
}

#[derive(Debug)]
struct Known {
    metadata: Metadata,
    keys: KeySet,
}

/// The issuer cannot be used just now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssuerError {
    #[error("the OpenID issuer cannot be used: {0}")]
    Unusable(String),
    #[error("too many people log in at once")]
    Busy,
}

/// Why a login came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    #[error(transparent)]
    Issuer(#[from] IssuerError),
    /// Of what the issuer answered; text from outside.
    #[error("the OpenID issuer does not accept the code: {0}")]
    Code(String),
    #[error(transparent)]
    Token(#[from] TokenFault),
}

#[derive(Debug, Deserialize)]
struct TokenAnswer {
    id_token: String,
}

#[derive(Debug, Deserialize)]
struct TokenRefusal {
    error: String,
    error_description: Option<String>,
}

impl Issuer {
    pub fn new(provider: Provider) -> Result<Self, ClientError> {
        let client = Client::new(provider.issuer.is_https())?;
        Ok(Self { provider, client, logins: Semaphore::new(LOGINS_MAX), state: Mutex::default() })
    }

    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// Asks the issuer for what it says of itself, unless that is known.
    pub async fn look(&self) -> Result<(), IssuerError> {
        self.known().await.map(drop)
    }

    /// Where to send a person who wants to log in.
    pub async fn begin(&self, attempt: &Attempt) -> Result<String, IssuerError> {
        let _place = self.place()?;
        let known = self.known().await?;
        let endpoint = &known.metadata.authorization_endpoint;
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, attempt.verifier.as_bytes()));
        let query = Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.provider.client_id)
            .append_pair("redirect_uri", &self.provider.redirect)
            .append_pair("scope", &self.provider.scopes)
            .append_pair("state", &attempt.state)
            .append_pair("nonce", &attempt.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .finish();
        let separator = if endpoint.has_query() { '&' } else { '?' };
        Ok(format!("{endpoint}{separator}{query}"))
    }

    /// Who has come back with this code.
    pub async fn finish(&self, code: &str, attempt: &Attempt, now_s: u64) -> Result<Identity, LoginError> {
        let _place = self.place()?;
        let known = self.known().await?;
        let token = self.redeem(&known.metadata, code, &attempt.verifier).await?;
        let payload = match verify(&token, &known.keys) {
            Err(TokenFault::UnknownKey) => verify(&token, &self.renewed(&known).await?.keys),
            verified => verified,
        }?;
        let provider = &self.provider;
        let expected = Expected {
            issuer: provider.issuer.as_str(),
            client_id: &provider.client_id,
            nonce: &attempt.nonce,
            claim: &provider.claim,
        };
        Ok(judge(&payload, expected, now_s)?)
    }

    /// Held as long as a login may have to wait for the issuer.
    fn place(&self) -> Result<SemaphorePermit<'_>, IssuerError> {
        self.logins.try_acquire().map_err(|_| IssuerError::Busy)
    }

    /// One asks, and the others wait for what it hears.
    async fn known(&self) -> Result<Arc<Known>, IssuerError> {
        let mut state = self.state.lock().await;
        match (&state.known, &state.failed) {
            (Some((known, at)), _) if at.elapsed() < KEPT => Ok(Arc::clone(known)),
            (_, Some((told, at))) if at.elapsed() < FAILURE_KEPT => Err(IssuerError::Unusable(told.clone())),
            _ => self.ask(&mut state).await,
        }
    }

    /// Asks again for keys, unless somebody just did.
    async fn renewed(&self, before: &Arc<Known>) -> Result<Arc<Known>, IssuerError> {
        let mut state = self.state.lock().await;
        match &state.known {
            Some((known, _)) if !Arc::ptr_eq(known, before) => return Ok(Arc::clone(known)),
            _ if state.renewed.is_some_and(|at| at.elapsed() < RENEWED_EVERY) => {
                return Ok(Arc::clone(before));
            }
            _ => {}
        }
        state.renewed = Some(Instant::now());
        self.ask(&mut state).await
    }

    async fn ask(&self, state: &mut State) -> Result<Arc<Known>, IssuerError> {
        let asked = self.ask_anew().await.map(Arc::new);
        match &asked {
            Ok(known) => {
                state.known = Some((Arc::clone(known), Instant::now()));
                state.failed = None;
            }
            Err(IssuerError::Unusable(told)) => state.failed = Some((told.clone(), Instant::now())),
            Err(IssuerError::Busy) => {}
        }
        asked
    }

    async fn ask_anew(&self) -> Result<Known, IssuerError> {
        let issuer = &self.provider.issuer;
        let at = format!("{}/.well-known/openid-configuration", issuer.as_str().trim_end_matches('/'));
        let uri: Uri = at.parse().map_err(|_| IssuerError::Unusable(format!("{at} is no address")))?;
        let unusable = |what: String| IssuerError::Unusable(format!("{issuer}: {what}"));
        let metadata = Metadata::parse(&self.get(&uri).await?, issuer).map_err(unusable)?;
        let keys = KeySet::parse(&self.get(metadata.jwks_uri.uri()).await?).map_err(unusable)?;
        Ok(Known { metadata, keys })
    }

    async fn get(&self, uri: &Uri) -> Result<Bytes, IssuerError> {
        let told = |what: String| IssuerError::Unusable(format!("{uri}: {what}"));
        let request = Request::get(uri).body(Full::default()).map_err(|error| told(error.to_string()))?;
        match self.client.fetch(request).await {
            Ok((StatusCode::OK, body)) => Ok(body),
            Ok((status, _)) => Err(told(format!("answered {}", status.as_u16()))),
            Err(FetchError::Failed(error)) => Err(told(error)),
            Err(FetchError::Busy) => Err(IssuerError::Busy),
        }
    }

    fn redemption(
        &self,
        metadata: &Metadata,
        code: &str,
        verifier: &str,
    ) -> Result<Request<Full<Bytes>>, http::Error> {
        let provider = &self.provider;
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", &provider.redirect)
            .append_pair("code_verifier", verifier);
        let mut request = Request::post(metadata.token_endpoint.uri())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        match &provider.client_secret {
            Some(secret) if metadata.takes_basic() => {
                request = request.header(AUTHORIZATION, basic(&provider.client_id, secret.expose()));
            }
            Some(secret) => {
                form.append_pair("client_id", &provider.client_id)
                    .append_pair("client_secret", secret.expose());
            }
            None => drop(form.append_pair("client_id", &provider.client_id)),
        }
        request.body(Full::from(form.finish()))
    }

    /// Changes a code for an ID token.
    async fn redeem(&self, metadata: &Metadata, code: &str, verifier: &str) -> Result<String, LoginError> {
        let uri = metadata.token_endpoint.uri();
        let told = |what: String| IssuerError::Unusable(format!("{uri}: {what}"));
        let request = self.redemption(metadata, code, verifier).map_err(|error| told(error.to_string()))?;
        let (status, body) = match self.client.fetch(request).await {
            Ok(answered) => answered,
            Err(FetchError::Failed(error)) => return Err(told(error).into()),
            Err(FetchError::Busy) => return Err(IssuerError::Busy.into()),
        };
        if status.is_success() {
            let answer = serde_json::from_slice::<TokenAnswer>(&body);
            return Ok(answer.map_err(|_| told("its answer has no ID token".to_owned()))?.id_token);
        }
        match serde_json::from_slice::<TokenRefusal>(&body) {
            Ok(refusal) if refusal.error == "invalid_grant" => Err(LoginError::Code(refusal.told())),
            // The client itself is not accepted, or the request: nobody who logs in can help that.
            Ok(refusal) => Err(told(format!("answered {}: {}", status.as_u16(), refusal.told())).into()),
            Err(_) => Err(told(format!("answered {}", status.as_u16())).into()),
        }
    }
}

impl TokenRefusal {
    fn told(self) -> String {
        let described = self.error_description.map(|text| format!(": {text}")).unwrap_or_default();
        format!("{}{described}", self.error).chars().take(TOLD_CHARS_MAX).collect()
    }
}

/// Both are encoded as in a form first (RFC 6749, 2.3.1).
fn basic(id: &str, secret: &str) -> HeaderValue {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let text = STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)));
    let mut value =
        HeaderValue::from_str(&format!("Basic {text}")).unwrap_or(HeaderValue::from_static("Basic"));
    value.set_sensitive(true);
    value
}
