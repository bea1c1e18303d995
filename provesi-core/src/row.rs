//! Rows: records as stores have them, before the rules of the domain are checked. Other programs write to the same tables.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    Address, Client, ClientId, ClientName, Email, Invalid, Order, OrderId, OrderNumber, OrderState, OrderStatus, Phone,
    ReturnInfo, ReturnReason, StoreError, Stored, Timestamp, Version,
};

/// An order as its store has it: every column that the domain knows, unchecked.
///
/// `Debug` shows the id alone: a reason is personal data.
#[derive(bon::Builder, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OrderRow {
    /// [`Order::id`].
    pub id: OrderId,
    /// [`Order::number`].
    pub number: String,
    /// [`Order::client_id`]. An empty text, which a form of the Python system may leave, is no client.
    pub client_id: Option<String>,
    /// [`OrderState::status`].
    pub status: String,
    /// [`ReturnInfo::reason`]. In any status but returned it is left over from an earlier return.
    pub return_reason: Option<String>,
    /// [`ReturnInfo::returned_at`].
    pub returned_at: Option<Timestamp>,
    /// [`Order::created_at`].
    pub created_at: Timestamp,
    /// [`Order::updated_at`].
    pub updated_at: Timestamp,
}

impl OrderRow {
    /// The order, if the row keeps the rules of the domain. Only a returned order has a [`ReturnInfo`]; a blank reason, or
    /// a reason without its date, is none.
    ///
    /// # Errors
    /// [`Irregular`] with every fault.
    pub fn check(&self) -> Result<Order, Irregular> {
        let mut faults = Vec::new();
        let number = noted(OrderNumber::parse(&self.number), &mut faults);
        let client_id = noted(self.client_id(), &mut faults);
        let status = noted(self.status(), &mut faults);
        let (Some(number), Some(client_id), Some(status)) = (number, client_id, status) else {
            return Err(Irregular { faults });
        };
        Ok(Order {
            id: self.id,
            number,
            client_id,
            state: OrderState::restore(status, self.return_info()),
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }

    /// Whose order it is, if anybody's.
    ///
    /// # Errors
    /// [`Rule::ObjectId`](crate::Rule::ObjectId).
    pub fn client_id(&self) -> Result<Option<ClientId>, Invalid> {
        stored_client_id(self.client_id.as_deref())
    }

    /// Where the order stands.
    ///
    /// # Errors
    /// [`Rule::UnknownStatus`](crate::Rule::UnknownStatus).
    pub fn status(&self) -> Result<OrderStatus, Invalid> {
        self.status.parse()
    }

    /// Why and when the order came back, if it is a return with both. An order of an unknown status may be one.
    #[must_use]
    pub fn return_info(&self) -> Option<ReturnInfo> {
        let may_be_return = self.status().map_or(true, |status| status == OrderStatus::Returned);
        let returned_at = self.returned_at.filter(|_| may_be_return)?;
        let reason = ReturnReason::restore(self.return_reason.as_deref()?)?;
        Some(ReturnInfo { reason, returned_at })
    }

    /// The version of a row that is irregular. That of a valid one is [`Order::version`].
    pub(crate) fn version(&self) -> Version {
        let returned_at = self.returned_at.map(|at| at.micros().to_be_bytes());
        Version::new(
            self.updated_at,
            [
                Some(self.number.as_bytes()),
                self.client_id.as_deref().map(str::as_bytes),
                Some(self.status.as_bytes()),
                self.return_reason.as_deref().map(str::as_bytes),
                returned_at.as_ref().map(<[u8; 8]>::as_slice),
                Some(self.created_at.micros().to_be_bytes().as_slice()),
            ],
        )
    }
}

/// The client's id in a column; an empty text is none.
pub(crate) fn stored_client_id(text: Option<&str>) -> Result<Option<ClientId>, Invalid> {
    text.filter(|id| !id.is_empty()).map(str::parse).transpose()
}

impl From<&Order> for OrderRow {
    fn from(order: &Order) -> Self {
        let info = order.return_info();
        Self {
            id: order.id,
            number: order.number.as_str().to_owned(),
            client_id: order.client_id.map(|id| id.to_string()),
            status: order.status().as_str().to_owned(),
            return_reason: info.map(|info| info.reason.as_str().to_owned()),
            returned_at: info.map(|info| info.returned_at),
            created_at: order.created_at,
            updated_at: order.updated_at,
        }
    }
}

/// # Errors
/// [`StoreError::Corrupt`] with the order's id and every fault.
impl TryFrom<OrderRow> for Order {
    type Error = StoreError;

    fn try_from(row: OrderRow) -> Result<Self, StoreError> {
        Stored::new(row).valid()
    }
}

impl fmt::Debug for OrderRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrderRow").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A client as its store has it: every field that the domain knows, unchecked.
///
/// `Debug` shows the id alone: the rest is personal data.
#[derive(bon::Builder, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClientRow {
    /// [`Client::id`].
    pub id: ClientId,
    /// [`Client::name`].
    pub name: String,
    /// [`Client::email`].
    pub email: String,
    /// [`Client::phone`]; a blank one is none.
    pub phone: Option<String>,
    /// [`Client::address`]; a blank one is none.
    pub address: Option<String>,
    /// [`Client::created_at`].
    pub created_at: Timestamp,
    /// [`Client::updated_at`].
    pub updated_at: Timestamp,
}

impl ClientRow {
    /// The client, if the row keeps the rules of the domain.
    ///
    /// # Errors
    /// [`Irregular`] with every fault.
    pub fn check(&self) -> Result<Client, Irregular> {
        let mut faults = Vec::new();
        let name = noted(ClientName::parse(self.name.as_str()), &mut faults);
        let email = noted(self.email.parse::<Email>(), &mut faults);
        let phone = noted(self.phone.as_deref().map_or(Ok(None), Phone::parse_optional), &mut faults);
        let address = noted(self.address.as_deref().map_or(Ok(None), Address::parse_optional), &mut faults);
        let (Some(name), Some(email), Some(phone), Some(address)) = (name, email, phone, address) else {
            return Err(Irregular { faults });
        };
        let (created_at, updated_at) = (self.created_at, self.updated_at);
        Ok(Client { id: self.id, name, email, phone, address, created_at, updated_at })
    }

    /// The e-mail address as addresses are compared ([`Email::folded`]): the key of a store's unique index. A text that is no
    /// address stands for itself.
    #[must_use]
    pub fn folded_email(&self) -> String {
        self.email.parse::<Email>().map_or_else(|_| self.email.clone(), |email| email.folded())
    }

    /// The most characters of a name by which a client is listed. A longer one may not fit into a cursor.
    const MAX_LISTED_CHARS: usize = 200;

    /// The row, if a list may have it. A client with a name of more than 200 characters is irregular and in no list: it is
    /// found by its id and its e-mail address.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] with the id.
    pub fn listed(self) -> Result<Self, StoreError> {
        if self.name.chars().nth(Self::MAX_LISTED_CHARS).is_none() {
            return Ok(self);
        }
        Err(StoreError::corrupt(format!("client {}: the name is too long for a list", self.id)))
    }

    /// The version of a row that is irregular. That of a valid one is [`Client::version`].
    pub(crate) fn version(&self) -> Version {
        Version::new(
            self.updated_at,
            [
                Some(self.name.as_bytes()),
                Some(self.email.as_bytes()),
                self.phone.as_deref().map(str::as_bytes),
                self.address.as_deref().map(str::as_bytes),
                Some(self.created_at.micros().to_be_bytes().as_slice()),
            ],
        )
    }
}

impl From<&Client> for ClientRow {
    fn from(client: &Client) -> Self {
        Self {
            id: client.id,
            name: client.name.as_str().to_owned(),
            email: client.email.as_str().to_owned(),
            phone: client.phone.as_ref().map(|phone| phone.as_str().to_owned()),
            address: client.address.as_ref().map(|address| address.as_str().to_owned()),
            created_at: client.created_at,
            updated_at: client.updated_at,
        }
    }
}

/// # Errors
/// [`StoreError::Corrupt`] with the client's id and every fault.
impl TryFrom<ClientRow> for Client {
    type Error = StoreError;

    fn try_from(row: ClientRow) -> Result<Self, StoreError> {
        Stored::new(row).valid()
    }
}

impl fmt::Debug for ClientRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientRow").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Why a row is not a record of the domain: the rules that it breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub struct Irregular {
    /// Every fault, in the order of the columns. At least one.
    pub faults: Vec<Invalid>,
}

impl fmt::Display for Irregular {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.faults.iter().enumerate() {
            write!(f, "{}{fault}", if at > 0 { "; " } else { "" })?;
        }
        Ok(())
    }
}

/// The value; a fault goes to `faults`.
pub(crate) fn noted<T, E, F: From<E>>(value: Result<T, E>, faults: &mut Vec<F>) -> Option<T> {
    value.map_err(|fault| faults.push(fault.into())).ok()
}
