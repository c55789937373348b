//! The schema's versions: each migration runs in a transaction of its own, and a newer schema is refused.

use std::path::{Path, PathBuf};

use sqlx::SqlitePool;
use sqlx::migrate::{MigrateError, Migrator};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the store {} cannot be opened: {source}", path.display())]
    Unavailable { path: PathBuf, source: sqlx::Error },
    #[error(
        "the store {} has schema version {found}, but this casebook knows versions up to {known}: \
         it was written by a newer casebook; use that one, or another data directory",
        path.display()
    )]
    NewerSchema { path: PathBuf, found: i64, known: i64 },
    #[error(
        "the store {} has schema version {found}, but {known} is needed: \
         start `casebook serve` on it once to bring it up to date",
        path.display()
    )]
    OlderSchema { path: PathBuf, found: i64, known: i64 },
    #[error("the audit of the store {} cannot be chained: {detail}", path.display())]
    Audit { path: PathBuf, detail: String },
    #[error("the schema of the store {} cannot be brought up to date: {source}", path.display())]
    Migration { path: PathBuf, source: MigrateError },
}

/// Runs the migrations that are missing.
pub(super) async fn bring_up_to_date(path: &Path, pool: &SqlitePool) -> Result<(), OpenError> {
    refuse_newer(path, found_version(path, pool).await?)?;
    let migration = |source| OpenError::Migration { path: path.to_owned(), source };
    MIGRATIONS.run(pool).await.map_err(migration)
}

/// For readers, which may not migrate: the schema must be the one known here.
pub(super) async fn check(path: &Path, pool: &SqlitePool) -> Result<(), OpenError> {
    let found = found_version(path, pool).await?;
    refuse_newer(path, found)?;
    match known_version() {
        known if found < known => Err(OpenError::OlderSchema { path: path.to_owned(), found, known }),
        _ => Ok(()),
    }
}

fn refuse_newer(path: &Path, found: i64) -> Result<(), OpenError> {
    match known_version() {
        known if found > known => Err(OpenError::NewerSchema { path: path.to_owned(), found, known }),
        _ => Ok(()),
    }
}

pub(super) fn known_version() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0)
}

/// 0 where nothing was migrated yet.
async fn found_version(path: &Path, pool: &SqlitePool) -> Result<i64, OpenError> {
    let unavailable = |source| OpenError::Unavailable { path: path.to_owned(), source };
    let kept: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = '_sqlx_migrations')")
            .fetch_one(pool)
            .await
            .map_err(unavailable)?;
    if !kept {
        return Ok(0);
    }
    sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM _sqlx_migrations")
        .fetch_one(pool)
        .await
        .map_err(unavailable)
}
