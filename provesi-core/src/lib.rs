#![doc = include_str!("../README.md")]

mod app;
mod audit;
mod caller;
mod client;
mod client_repository;
mod clock;
#[cfg(feature = "collation")]
mod collation;
mod count;
mod email;
mod entry;
mod error;
mod event;
mod forward;
mod idempotency;
mod invalid;
mod listing;
mod number;
mod order;
mod order_repository;
mod orders_with_clients;
mod paging;
mod records;
mod repository;
mod row;
mod search;
mod status;
mod store_admin;
mod store_id;
mod stored;
mod text;
mod timestamp;
mod version;
mod write;

pub use app::{
    App, AppError, ClientChange, ClientChoice, ClientDeletion, ClientDraft, ClientLink, ClientView, ClientWithOrders,
    ClientsById, DanglingClient, Health, IntegrityReport, OrderChange, OrderDraft, OrderView, RecordReport, Refusal,
    RepairError, SettledRetirements, SweptOrders,
};
pub use audit::{
    AuditAction, AuditChain, AuditCursor, AuditFilter, AuditHash, AuditHead, AuditPolicy, AuditPosition, AuditQuery,
    AuditRecord, AuditRow, AuditSink, AuditStore, AuditStoreExt, BrokenChain, ListFilter, Outcome, StoredAudit,
    Subject, VerifyError, verify_audit, verify_head,
};
pub use caller::{Actor, ActorName, Caller, Stamp};
pub use client::{Client, ClientId};
pub use client_repository::{ClientRepository, ClientRepositoryExt};
pub use clock::{Clock, IdSource, ObjectIds, SystemClock};
#[cfg(feature = "collation")]
pub use collation::name_key;
pub use count::{CountKey, EventGroup, OrderCount, OrderCounts, OrderGroup, day_from_epoch};
pub use email::Email;
pub use entry::{Entry, EntryCondition, EntryKey, EntryKind, EntryQuery, EntryWrite};
pub use error::{Chain, Source, StoreError, UniqueField};
pub use event::{EventId, EventKind, EventQuery, EventsOf, OrderEvent, OrderFields};
pub use idempotency::IdempotencyKey;
pub use invalid::{EmailFault, Field, Invalid, Rule};
pub use listing::{
    ClientCursor, ClientFilter, ClientListing, ClientPosition, Direction, OrderCursor, OrderFilter, OrderListing,
    OrderPosition, OrderSort, Period, ReturnDate,
};
pub use number::{NumberPart, OrderNumber};
pub use order::{NewOrder, Order, OrderId, OrderState, ReasonRequired, ReturnInfo};
pub use order_repository::{OrderRepository, OrderRepositoryExt};
pub use orders_with_clients::{OrderWithClient, OrdersWithClients};
pub use paging::{BoxStream, Page, PageLimit, PageRequest, stream_items, stream_pages};
pub use records::{read_full_page, skip_corrupt};
pub use row::{ClientRow, Irregular, OrderRow};
pub use search::{ClientQuery, MatchRank, ReasonQuery, fold, phone_digits};
pub use status::{OrderStatus, StatusFlow};
pub use store_admin::{MAX_CONFLICTS, StoreAdmin};
pub use store_id::StoreId;
pub use stored::{Record, Stored};
pub use text::{Address, ClientName, Phone, ReturnReason};
pub use timestamp::Timestamp;
pub use version::{Expected, ParseVersionError, Version};
pub use write::{ClientClaim, ClientKey, ClientWrite, OrderAction, OrderClaim, OrderKey, OrderWrite};

#[cfg(feature = "mock")]
#[doc(inline)]
pub use {
    audit::{MockAuditSink, MockAuditStore},
    client_repository::MockClientRepository,
    order_repository::MockOrderRepository,
};
