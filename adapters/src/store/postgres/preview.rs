//! What a start would find in the place of the store, found out without changing anything there.

use tokio_postgres::types::Type;

use super::client::{Purpose, Session, Trouble};
use super::schema::{self, Kind};
use super::{Address, lock_key, refuse};
use crate::store::Preview;

/// Looks at the store.
///
/// # Errors
/// Why a server would refuse it, or could not write to it.
pub async fn preview(address: &Address) -> Result<Preview, String> {
    match look(address).await {
        Ok(found) => found,
        Err(trouble) => Err(trouble.into_failure(address, "used").detail),
    }
}

async fn look(address: &Address) -> Result<Result<Preview, String>, Trouble> {
    let session = Session::open(address, Purpose::Reading).await?;
    let kind = schema::kind(&session, address.schema()).await?;
    if let Some(refusal) = refuse(address, kind) {
        return Ok(Err(refusal.to_string()));
    }
    if !may_write(&session, address.schema(), kind).await? {
        let what =
            "this user may not make tables there: let it own the schema, or create one in the database";
        return Ok(Err(format!("the store {address} cannot be used: {what}")));
    }
    // Held for no longer than this takes, and shared, so that two who look don't see each other.
    let key = lock_key(address);
    let sql = "SELECT pg_try_advisory_xact_lock_shared($1)";
    let rows = session.rows(sql, &[(&key, Type::INT8)]).await?;
    if !rows.first().is_some_and(|row| row.try_get(0).unwrap_or(false)) {
        return Ok(Ok(Preview::InUse));
    }
    Ok(Ok(match kind {
        Kind::Ours(found) if found < schema::version() => Preview::Older { found },
        Kind::Ours(_) => {
            let rows = session.rows("SELECT count(*) FROM events", &[]).await?;
            let events: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
            Preview::Whole { events: u32::try_from(events).unwrap_or(u32::MAX) }
        }
        Kind::Missing | Kind::Empty | Kind::Newer(_) | Kind::Foreign => Preview::New,
    }))
}

async fn may_write(session: &Session, schema: &str, kind: Kind) -> Result<bool, Trouble> {
    let sql = match kind {
        Kind::Missing => {
            "SELECT $1::text IS NOT NULL AND has_database_privilege(current_database(), 'CREATE')"
        }
        Kind::Ours(version) if version == schema::version() => {
            "SELECT has_schema_privilege($1, 'USAGE') AND has_table_privilege('status_store', 'UPDATE')
                AND has_table_privilege('events', 'INSERT, DELETE')
                AND has_table_privilege('servers', 'INSERT, UPDATE, DELETE')
                AND has_table_privilege('orders', 'INSERT, UPDATE, DELETE')"
        }
        Kind::Ours(_) => {
            "SELECT has_schema_privilege($1, 'CREATE')
                AND pg_has_role((SELECT relowner FROM pg_class WHERE oid = 'status_store'::regclass), 'USAGE')"
        }
        Kind::Empty | Kind::Newer(_) | Kind::Foreign => {
            "SELECT has_schema_privilege($1, 'CREATE')"
        }
    };
    let rows = session.rows(sql, &[(&schema, Type::TEXT)]).await?;
    Ok(rows.first().map_or(Ok(false), |row| row.try_get(0))?)
}
