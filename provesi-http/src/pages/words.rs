//! What clerks read where something is wrong or was done. The texts of the Python system are these to the letter.

use provesi_core::{Client, EmailFault, Field, Invalid, Order, OrderNumber, OrderStatus, Refusal, Rule, Stored};

use super::flash::Message;

pub(crate) const NAME_NEEDED: &str = "El nombre es requerido.";
pub(crate) const EMAIL_NEEDED: &str = "El email es requerido.";
pub(crate) const NUMBER_NEEDED: &str = "El código del pedido es requerido.";
pub(crate) const NUMBER_CHARSET: &str = "El código solo puede contener letras, números y guiones.";
pub(crate) const NUMBER_INVALID: &str = "Código de orden inválido.";
pub(crate) const REASON_NEEDED: &str = "Debe ingresar una razón de devolución.";
pub(crate) const CLIENT_GONE: &str = "El cliente seleccionado no existe.";
pub(crate) const CLIENT_ID: &str = "ID de cliente inválido.";
pub(crate) const CLIENT_NOT_FOUND: &str = "Cliente no encontrado.";
pub(crate) const UNKNOWN_STATUS: &str = "Elija uno de los estados de la lista.";

pub(crate) const ORDER_FIRST: &str = "Primero escanee una orden; después, el comando.";
pub(crate) const UNKNOWN_COMMAND: &str = "Ese comando no existe.";

pub(crate) const DATE: &str = "Escriba una fecha como 2026-11-24.";
pub(crate) const DATES_SWAPPED: &str = "La última fecha va antes que la primera.";
pub(crate) const CHOOSE_ORDERS: &str = "Elija al menos una orden.";

/// That an order does not go from here to there.
pub(crate) fn no_way(from: OrderStatus, to: OrderStatus) -> String {
    format!("Una orden en {} no puede pasar a {}.", from.label(), to.label())
}

/// That nothing comes next by itself.
pub(crate) fn no_next_step(status: OrderStatus) -> String {
    format!("Una orden en {} no tiene un paso siguiente: elija el estado.", status.label())
}

/// Refuses a command that was not scanned right after the number of this order.
pub(crate) fn scan_again(number: &str) -> String {
    format!(
        "No se movió la orden '{number}': su código no se escaneó justo antes del comando. Mientras cargaba la página pudo \
         perderse una lectura; escanee la orden otra vez."
    )
}

pub(crate) fn email_taken(email: &str) -> String {
    format!("Ya existe un cliente con el email '{email}'.")
}

pub(crate) fn number_taken(number: &str) -> String {
    format!("Ya existe una orden con el código '{number}'.")
}

pub(crate) const NO_ORDER: &str = "No se encontró la orden.";
pub(crate) const REPAIR_FIRST: &str = "La orden no cumple las reglas: corríjala primero.";

/// A text that another program may have written, as a link or in a message: something to see and to click, and not too
/// long for a header.
fn shown(text: &str, without: &str) -> String {
    const MAX_CHARS: usize = 120;
    let is_visible = |c: char| !c.is_whitespace() && !c.is_control() && !('\u{200B}'..='\u{200F}').contains(&c);
    if !text.chars().any(is_visible) {
        return without.to_owned();
    }
    let mut shown: String = text.chars().take(MAX_CHARS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

pub(crate) fn named(name: &str) -> String {
    shown(name, "(sin nombre)")
}

pub(crate) fn numbered(number: &str) -> String {
    shown(number, "(sin código)")
}

pub(crate) fn in_status(status: &str) -> String {
    shown(status, "(sin estado)")
}

/// What is wrong with an irregular order, field by field, with the texts that the fields of the page do not show.
pub(crate) fn irregular_order(order: &Stored<Order>) -> Vec<String> {
    let told = |fault: &Invalid| match fault.field {
        Field::OrderNumber => format!("Código: {}", refused(*fault)),
        Field::Status => format!("Estado: «{}» no es uno de los estados.", in_status(&order.row.status)),
        Field::ClientId => {
            let id = order.row.client_id.as_deref().unwrap_or_default();
            format!("Cliente: «{}» no es un ID de cliente.", shown(id, "(sin texto)"))
        }
        _ => refused(*fault),
    };
    order.faults().iter().map(told).collect()
}

/// What is wrong with an irregular client, field by field.
pub(crate) fn irregular_client(client: &Stored<Client>) -> Vec<String> {
    let told = |fault: &Invalid| match fault.field {
        Field::Name => format!("Nombre: {}", refused(*fault)),
        Field::Email => format!("Email: {}", refused(*fault)),
        Field::Phone => format!("Teléfono: {}", refused(*fault)),
        Field::Address => format!("Dirección: {}", refused(*fault)),
        _ => refused(*fault),
    };
    client.faults().iter().map(told).collect()
}

/// That there is no such order, with ways to look on.
pub(crate) fn no_order(number: &OrderNumber) -> Message {
    Message::stopped(format!("No se encontró la orden '{number}'."))
        .with_link("Buscar códigos parecidos", format!("/orders/?q={number}"))
        .with_link("Crear esta orden", format!("/orders/create/?order_number={number}"))
}

/// What is wrong with a field.
pub(crate) fn refused(invalid: Invalid) -> String {
    match (invalid.field, invalid.rule) {
        (Field::Name, Rule::Blank) => NAME_NEEDED.into(),
        (Field::ReturnReason, Rule::Blank) => REASON_NEEDED.into(),
        (_, Rule::Blank) => "Este campo es requerido.".into(),
        (_, Rule::TooLong { max }) => format!("Use máximo {} caracteres.", thousands(max)),
        (_, Rule::ControlCharacter) => "Hay un carácter que no se puede guardar; escriba el texto de nuevo.".into(),
        (_, Rule::NumberCharset) => NUMBER_CHARSET.into(),
        (_, Rule::Email(fault)) => format!("El email no es válido: {}.", email(fault)),
        (_, Rule::ObjectId) => CLIENT_GONE.into(),
        (_, Rule::UnknownStatus) => UNKNOWN_STATUS.into(),
        _ => "El valor no es válido.".into(),
    }
}

/// Why a use case refuses an input.
pub(crate) fn refusal(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Invalid(invalid) => refused(*invalid),
        Refusal::ReasonRequired => REASON_NEEDED.into(),
        Refusal::TransitionRefused { from, to } => no_way(*from, *to),
        Refusal::UnknownClient => CLIENT_GONE.into(),
        _ => "El valor no es válido.".into(),
    }
}

const fn email(fault: EmailFault) -> &'static str {
    match fault {
        EmailFault::NoAt => "le falta la arroba (@)",
        EmailFault::NoLocalPart => "falta lo que va antes de la arroba",
        EmailFault::NoDomain => "falta lo que va después de la arroba",
        EmailFault::Quoted => "no puede llevar comillas",
        EmailFault::DomainLiteral => "después de la arroba va un dominio, no una dirección IP",
        EmailFault::NoPeriod => "al dominio le falta un punto, como en ejemplo.com",
        EmailFault::TwoPeriods => "tiene dos puntos seguidos",
        EmailFault::TooLong => "es demasiado largo",
        _ => "tiene un carácter que no se permite",
    }
}

/// A number with points between the thousands.
pub(crate) fn thousands(number: impl ToString) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('.');
        }
        text.push(digit);
    }
    text
}

/// So many of something.
pub(crate) fn so_many(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(count), if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_points() {
        let shown: Vec<_> = [0_u64, 12, 999, 1_000, 123_456, 1_234_567].map(thousands).into();
        assert_eq!(shown, ["0", "12", "999", "1.000", "123.456", "1.234.567"]);
        assert_eq!(so_many(1, "orden", "órdenes"), "1 orden");
        assert_eq!(so_many(1_000, "orden", "órdenes"), "1.000 órdenes");
    }
}
