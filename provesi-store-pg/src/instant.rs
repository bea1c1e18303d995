//! Instants as PostgreSQL has them. Not through chrono: PostgreSQL knows years that chrono does not, and `infinity`, and
//! a row of somebody else's must not be able to end the process.

use provesi_core::{Invalid, Timestamp};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueFormat, PgValueRef};
use sqlx::{Decode, Encode, Postgres, Type};

/// A `timestamptz`: microseconds since 2000-01-01T00:00:00Z, with [`i64::MIN`] and [`i64::MAX`] for `-infinity` and
/// `infinity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Instant(i64);

/// 2000-01-01T00:00:00Z in microseconds since 1970.
const EPOCH: i64 = 946_684_800_000_000;

/// `timestamptz` and `timestamptz[]` in `pg_type`, the same in every database.
const OID: Oid = Oid(1184);
const ARRAY_OID: Oid = Oid(1185);

impl Instant {
    /// `-infinity`.
    pub(crate) const BEFORE_ALL: Self = Self(i64::MIN);

    /// `infinity`.
    pub(crate) const AFTER_ALL: Self = Self(i64::MAX);

    /// So many microseconds after 1970-01-01T00:00:00Z.
    pub(crate) const fn from_micros(micros: i64) -> Self {
        Self(micros.saturating_sub(EPOCH))
    }
}

impl From<Timestamp> for Instant {
    fn from(at: Timestamp) -> Self {
        Self::from_micros(at.micros())
    }
}

impl TryFrom<Instant> for Timestamp {
    type Error = Invalid;
    fn try_from(instant: Instant) -> Result<Self, Invalid> {
        Self::from_micros(instant.0.saturating_add(EPOCH))
    }
}

impl Instant {
    /// The nearest instant of the years 1 to 9999.
    pub(crate) fn nearest(self) -> Timestamp {
        let micros = self.0.saturating_add(EPOCH).clamp(Timestamp::MIN.micros(), Timestamp::MAX.micros());
        Timestamp::from_micros(micros).unwrap_or(Timestamp::MAX)
    }
}

impl Type<Postgres> for Instant {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(OID)
    }

    fn compatible(ty: &PgTypeInfo) -> bool {
        ty.oid() == Some(OID)
    }
}

impl PgHasArrayType for Instant {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(ARRAY_OID)
    }
}

impl Encode<'_, Postgres> for Instant {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        <i64 as Encode<'_, Postgres>>::encode_by_ref(&self.0, buffer)
    }
}

impl<'r> Decode<'r, Postgres> for Instant {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        match value.format() {
            PgValueFormat::Binary => Ok(Self(<i64 as Decode<'_, Postgres>>::decode(value)?)),
            PgValueFormat::Text => Err("an instant as text, which only a simple query gives".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_round_trip_and_what_is_beyond_is_refused() {
        for at in [Timestamp::MIN, Timestamp::MAX, Timestamp::from_micros(-1).unwrap()] {
            assert_eq!(Timestamp::try_from(Instant::from(at)), Ok(at));
        }
        for beyond in [i64::MIN, i64::MAX, Instant::from(Timestamp::MAX).0 + 1] {
            assert!(Timestamp::try_from(Instant(beyond)).is_err());
        }
    }
}
