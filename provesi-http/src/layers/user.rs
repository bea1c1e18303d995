//! Which person asks, where a proxy in front says so.

use axum::http::{HeaderMap, HeaderName};
use provesi_core::{ActorName, Rule};

/// Why a user header names nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UserHeaderFault {
    /// Several were sent: one of them is not the proxy's.
    Repeated,
    Empty,
    TooLong,
    ControlCharacter,
}

impl UserHeaderFault {
    pub(crate) const fn detail(self) -> &'static str {
        match self {
            Self::Repeated => "El encabezado con el nombre de usuario llegó más de una vez",
            Self::Empty => "El encabezado con el nombre de usuario está vacío",
            Self::TooLong => "El nombre de usuario tiene más de 64 caracteres",
            Self::ControlCharacter => "El nombre de usuario tiene caracteres de control",
        }
    }
}

/// The name in the header, as UTF-8 or, where it is not, as ISO-8859-1, which is what many proxies send.
pub(crate) fn read(headers: &HeaderMap, header: &HeaderName) -> Result<ActorName, UserHeaderFault> {
    let mut values = headers.get_all(header).iter();
    let value = values.next().ok_or(UserHeaderFault::Empty)?.as_bytes();
    if values.next().is_some() {
        return Err(UserHeaderFault::Repeated);
    }
    let latin_1 = || value.iter().copied().map(char::from).collect();
    let name: String = std::str::from_utf8(value).map_or_else(|_| latin_1(), str::to_owned);
    ActorName::parse(&name).map_err(|invalid| match invalid.rule {
        Rule::Blank => UserHeaderFault::Empty,
        Rule::TooLong { .. } => UserHeaderFault::TooLong,
        _ => UserHeaderFault::ControlCharacter,
    })
}
