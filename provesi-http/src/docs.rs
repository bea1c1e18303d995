//! The API describes itself: the OpenAPI document, and the page that shows it. The shapes of bodies that are read
//! field by field or written in pieces are described here; the others describe themselves where they are.

mod page;
mod shapes;

pub(crate) use page::{asset, openapi, page};
pub(crate) use shapes::{
    AuditList, ClientEdit, ClientList, Conflict, Deleted, EventList, NewClient, NewOrder, OneClient,
    OneClientWithOrders, OneOrder, OrderEdit, OrderList, Problem, Refusal, ReturnList,
};

use utoipa::OpenApi;

/// What the document says besides the routes.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Provesi",
        description = "Clientes y órdenes de una bodega. Every error has a Spanish `detail` and a `code` for machines; what is wrong with the fields of a request is told all at once (422).",
        license(name = "MIT OR Apache-2.0"),
    ),
    tags(
        (name = "clients", description = "Clientes"),
        (name = "orders", description = "Órdenes"),
        (name = "audit", description = "Auditoría"),
        (name = "health", description = "Estado"),
    ),
)]
pub(crate) struct ApiDoc;
