//! What comes out of the scan box: typed by a person, or by a scanner that acts as a keyboard.

use provesi_core::{OrderNumber, OrderStatus};

/// What was scanned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scanned {
    Nothing,
    Number(OrderNumber),
    Command(Command),
    /// A command, but none of ours.
    UnknownCommand,
    /// What can be neither.
    Other(String),
}

/// A code that moves the order on whose page it is scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// To the next step of the work.
    Next,
    To(OrderStatus),
}

const PREFIX: &str = "CMD";
const NEXT: &str = "NEXT";

impl Command {
    /// All of them, in the order of the work.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        std::iter::once(Self::Next).chain(OrderStatus::ALL.map(Self::To))
    }

    /// The text of its code: `CMD:NEXT`, `CMD:PACKING`.
    pub(crate) fn code(self) -> String {
        match self {
            Self::Next => format!("{PREFIX}:{NEXT}"),
            Self::To(status) => format!("{PREFIX}:{}", status.as_str().to_uppercase()),
        }
    }

    fn parse(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case(NEXT) { Some(Self::Next) } else { name.to_lowercase().parse().ok().map(Self::To) }
    }
}

impl Scanned {
    /// Reads what was scanned, in any letter case.
    ///
    /// A scanner that is set to an American keyboard, on a computer that is set to a Spanish one, types `Ñ` for a colon
    /// and an apostrophe for a hyphen. Neither is in any number or command, so they are taken for what they stand for.
    pub(crate) fn read(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() {
            return Self::Nothing;
        }
        if let Some((prefix, rest)) = text.split_at_checked(PREFIX.len())
            && prefix.eq_ignore_ascii_case(PREFIX)
            && let Some(name) = rest.strip_prefix([':', 'Ñ', 'ñ'])
        {
            return Command::parse(name.trim()).map_or(Self::UnknownCommand, Self::Command);
        }
        let number = OrderNumber::parse(text).or_else(|_| OrderNumber::parse(&text.replace('\'', "-")));
        // Shown again, as far as anybody reads it.
        number.map_or_else(|_| Self::Other(text.chars().take(100).collect()), Self::Number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_in_any_case_and_from_a_scanner_of_another_keyboard() {
        for command in Command::all() {
            for text in [command.code(), command.code().to_lowercase(), command.code().replace(':', "Ñ")] {
                assert_eq!(Scanned::read(&format!(" {text}\r\n")), Scanned::Command(command), "{text}");
            }
        }
        for text in ["CMD:", "cmd:lost", "CMDñ", "CMD: NEXT NEXT"] {
            assert_eq!(Scanned::read(text), Scanned::UnknownCommand, "{text}");
        }
    }

    #[test]
    fn numbers_are_read_and_what_could_be_one_is_no_command() {
        let number = |text: &str| Scanned::Number(text.parse().unwrap());
        assert_eq!(Scanned::read(" ord-1 "), number("ord-1"));
        assert_eq!(Scanned::read("ORD'2026'1"), number("ORD-2026-1"));
        assert_eq!(Scanned::read("CMD-NEXT"), number("CMD-NEXT"));
        assert_eq!(Scanned::read("cmd"), number("cmd"));
        assert_eq!(Scanned::read("  "), Scanned::Nothing);
        assert_eq!(Scanned::read("Ana Pérez"), Scanned::Other("Ana Pérez".into()));
        assert_eq!(Scanned::read("Ññ"), Scanned::Other("Ññ".into()));
    }
}
