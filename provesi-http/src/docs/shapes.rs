//! Shapes for the OpenAPI document alone: nothing is made of them.

#![allow(dead_code, reason = "described, never made")]

use utoipa::ToSchema;

use crate::answer::Warning;
use crate::wire::{AuditBody, ClientBody, EventBody, OrderBody, OrderOfClient, Status};

macro_rules! envelope {
    ($(#[$doc:meta])* $name:ident, $data:ty $(, $(#[$field_doc:meta])* $field:ident: $type:ty)*) => {
        $(#[$doc])*
        #[derive(Debug, ToSchema)]
        pub(crate) struct $name {
            #[schema(example = "success")]
            status: String,
            #[schema(value_type = $data)]
            data: (),
            $($(#[$field_doc])* $field: $type,)*
            /// What the answer lacks because a store did not answer; left out where it lacks nothing.
            #[schema(required = false)]
            warnings: Vec<Warning>,
        }
    };
}

envelope!(
    /// A client.
    OneClient, ClientBody<'_>
);
envelope!(
    /// A client with its orders.
    OneClientWithOrders, ClientWithOrders
);
envelope!(
    /// Clients.
    ClientList, Vec<ClientBody<'_>>,
    /// Of a page: where the next one starts; `null` on the last one.
    #[schema(required = false)]
    next_cursor: Option<String>
);
envelope!(
    /// An order.
    OneOrder, OrderBody<'_>
);
envelope!(
    /// Orders.
    OrderList, Vec<OrderBody<'_>>,
    /// Of a page: where the next one starts; `null` on the last one.
    #[schema(required = false)]
    next_cursor: Option<String>
);
envelope!(
    /// Returned orders.
    ReturnList, Vec<OrderBody<'_>>,
    /// How many there are.
    total: u64
);
envelope!(
    /// Events.
    EventList, Vec<EventBody<'_>>,
    /// Where the next page starts (`after`); `null` on the last one.
    next_cursor: Option<i64>
);

envelope!(
    /// Audit records.
    AuditList, Vec<AuditBody<'_>>,
    /// Where the next page starts; `null` on the last one.
    next_cursor: Option<String>
);

/// A client with its orders.
#[derive(Debug, ToSchema)]
pub(crate) struct ClientWithOrders {
    #[schema(inline, value_type = ClientBody<'_>)]
    #[serde(flatten)]
    client: (),
    /// The latest change first; `null` where they could not be read.
    #[schema(value_type = Option<Vec<OrderOfClient<'_>>>)]
    orders: (),
}

/// A client to be made.
#[derive(Debug, ToSchema)]
pub(crate) struct NewClient {
    /// Not blank.
    #[schema(example = "Ana Pérez", max_length = 100)]
    name: String,
    /// Unique in any letter case.
    #[schema(example = "ana@example.com", format = Email)]
    email: String,
    #[schema(example = "(+57) 300 123 4567", max_length = 20)]
    phone: Option<String>,
    #[schema(example = "Cra 7 # 1-23", max_length = 1000)]
    address: Option<String>,
}

/// A change of a client: what is left out or `null` stays.
#[derive(Debug, ToSchema)]
pub(crate) struct ClientEdit {
    #[schema(example = "Ana Pérez", max_length = 100)]
    name: Option<String>,
    #[schema(example = "ana@example.com", format = Email)]
    email: Option<String>,
    /// Empty: none.
    #[schema(example = "", max_length = 20)]
    phone: Option<String>,
    /// Empty: none.
    #[schema(example = "Cra 7 # 1-23", max_length = 1000)]
    address: Option<String>,
}

/// An order to be made.
#[derive(Debug, ToSchema)]
pub(crate) struct NewOrder {
    /// Unique in any letter case.
    #[schema(example = "ORD-001", max_length = 32, pattern = "^[A-Za-z0-9-]+$")]
    order_number: String,
    #[schema(example = "6b050af58b3059b0f61239f2")]
    client_id: Option<String>,
    /// `received` where it is left out.
    status: Option<Status>,
    /// Needed for `returned`, else not kept.
    #[schema(example = "Producto dañado", max_length = 2000)]
    return_reason: Option<String>,
}

/// A change of an order: what is left out or `null` stays.
#[derive(Debug, ToSchema)]
pub(crate) struct OrderEdit {
    #[schema(example = "ORD-001", max_length = 32, pattern = "^[A-Za-z0-9-]+$")]
    order_number: Option<String>,
    /// Empty: none.
    #[schema(example = "6b050af58b3059b0f61239f2")]
    client_id: Option<String>,
    status: Option<Status>,
    /// Needed for `returned`, else not kept.
    #[schema(example = "Producto dañado", max_length = 2000)]
    return_reason: Option<String>,
}

/// A request that was not done.
#[derive(Debug, ToSchema)]
pub(crate) struct Problem {
    /// For people.
    #[schema(example = "El email ya existe")]
    detail: String,
    /// For machines.
    #[schema(example = "client.email_taken")]
    code: String,
}

/// A write of an older version.
#[derive(Debug, ToSchema)]
pub(crate) struct Conflict {
    #[schema(example = "El cliente cambió mientras tanto")]
    detail: String,
    #[schema(example = "conflict.version")]
    code: String,
    /// The record as it is; its version is the answer's `ETag`.
    #[schema(value_type = Object)]
    current: (),
}
