//! The audit, as it was asked for.

use provesi_core::AuditChain;

use super::values::{audit_key, one_of};
use super::{Env, SettingError, StoreUrl};
use crate::cli::AuditArgs;

/// Where audit records go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audit {
    Off,
    /// To the log of the server.
    Log,
    /// Into the store, a moment after the answer.
    Store,
    /// Into the store, and nothing is handed out before its record is there.
    Strict,
}

impl Audit {
    /// Whether records go into the store.
    pub(crate) const fn is_stored(self) -> bool {
        matches!(self, Self::Store | Self::Strict)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct AuditSettings {
    pub(crate) mode: Audit,
    /// Where the store is; `None` for beside the orders.
    pub(crate) store: Option<StoreUrl>,
    pub(crate) chain: AuditChain,
}

impl AuditSettings {
    /// The store that has to be open, if it is another one than that of the orders.
    pub(crate) fn needed(&self) -> Option<&StoreUrl> {
        self.store.as_ref().filter(|_| self.mode.is_stored())
    }
}

impl Env<'_> {
    pub(crate) fn audit(&self, args: AuditArgs) -> Result<AuditSettings, SettingError> {
        Ok(AuditSettings {
            mode: self.setting("audit", args.mode, "log", |text| {
                let modes =
                    [("off", Audit::Off), ("log", Audit::Log), ("store", Audit::Store), ("strict", Audit::Strict)];
                one_of(text, modes)
            })?,
            store: self.url(("--audit-store", "PROVESI_AUDIT_URL"), args.store)?.map(|(_, url)| url),
            // No flag: a command line is seen by everybody on the machine.
            chain: self.variable("PROVESI_AUDIT_KEY", "", audit_key)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use provesi_core::ActorName;

    use super::*;
    use crate::cli::ServeArgs;
    use crate::settings::SqlUrl;
    use crate::settings::values::actor_names;

    fn env(pairs: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
        |name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
    }

    #[test]
    fn without_a_word_it_goes_to_the_log() {
        let nothing = env(&[]);
        assert_eq!(Env(&nothing).audit(AuditArgs::default()).unwrap().mode, Audit::Log);
    }

    #[test]
    fn the_audit_has_a_store_a_key_and_readers() {
        let variables = env(&[
            ("PROVESI_AUDIT", "strict"),
            ("PROVESI_AUDIT_URL", "sqlite:audit.db"),
            ("PROVESI_AUDIT_KEY", "0123456789abcdef0123456789abcdef"),
            ("PROVESI_AUDIT_READERS", "billing, support"),
        ]);
        let (env, args) = (Env(&variables), AuditArgs::default);
        let audit = env.audit(args()).unwrap();
        assert_eq!(audit.needed(), Some(&StoreUrl::Sql(SqlUrl::Sqlite("audit.db".into()))));
        assert_eq!(format!("{:?}", audit.chain), "AuditChain(keyed)");
        // A store that nothing is written to need not be there.
        assert_eq!(env.audit(AuditArgs { mode: Some("log".into()), ..args() }).unwrap().needed(), None);
        let readers = env.serve(ServeArgs::default()).unwrap().audit_readers;
        assert_eq!(readers.iter().map(ActorName::as_str).collect::<Vec<_>>(), ["billing", "support"]);
        assert!(audit_key("short").unwrap_err().contains("32") && actor_names("a,,b").is_err());
    }
}
