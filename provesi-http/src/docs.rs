//! The API describes itself: the OpenAPI document, and the page that shows it. The shapes of bodies that are read
//! field by field or written in pieces are described here; the others describe themselves where they are.

mod page;
mod shapes;

pub(crate) use page::{asset, openapi, page};
pub(crate) use shapes::{
    AuditList, ClientEdit, ClientList, Conflict, EventList, NewClient, NewOrder, OneClient, OneClientWithOrders,
    OneOrder, OrderEdit, OrderList, Problem, ReturnList,
};

pub(crate) use crate::faults::Faults;

use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::{ObjectBuilder, OpenApi as Document, RefOr, ResponseBuilder, Type};

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

/// Adds the header `Idempotency-Key` to every write.
pub(crate) fn with_idempotency_key(mut document: Document) -> Document {
    let key = ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .description(Some(
            "1 to 255 visible ASCII characters. The write is done once: for 24 hours the same request under the same key gets the \
             answer of the first one, and changes nothing",
        ))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).max_length(Some(255))))
        .build();
    let describe = |operation: &mut Operation| {
        operation.parameters.get_or_insert_default().push(RefOr::T(key.clone()));
        let reused = ResponseBuilder::new().description("The key was used for another request").build();
        operation.responses.responses.entry("422".to_owned()).or_insert(RefOr::T(reused));
    };
    for path in document.paths.paths.values_mut() {
        [&mut path.post, &mut path.put, &mut path.delete].into_iter().flatten().for_each(describe);
    }
    document
}
