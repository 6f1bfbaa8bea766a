//! The SQL engine over one snapshot.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::TableReference;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use datafusion::sql::parser::{DFParser, Statement};
use datafusion::sql::sqlparser::ast;
use disk::Disk;
use futures::StreamExt;
use lake::{CommitNumber, DataFile, Snapshot, TableName};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::QueryError;
use crate::footer;
use crate::lengthening;
use crate::nesting;
use crate::store::SnapshotStore;
use crate::table::LakeTable;

/// What one query may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Memory in bytes: what sorting, grouping and joining hold together, and a quarter of it what a function
    /// that lengthens (`repeat`, `lpad`, `rpad`, `array_repeat`, `array_resize`) makes for a batch of rows.
    /// No bound for the process: batches on their way, decoded files and the results of all other functions
    /// and of aggregates such as `string_agg` come on top.
    pub memory_bytes: usize,
    /// Time from the text to the last row.
    pub timeout: Duration,
}

/// SQL over one commit of the lake.
pub struct Engine {
    planner: Arc<Planner>,
    workers: Workers,
    commit: CommitNumber,
    limits: Limits,
}

/// From a text to a stream of rows.
struct Planner {
    context: SessionContext,
    tables: Vec<String>,
}

impl Engine {
    /// Opens an engine over a snapshot.
    ///
    /// `declared` are the columns of tables that exist although they may have no file yet.
    ///
    /// # Errors
    /// [`QueryError::Lake`] if a file's columns can't be read.
    pub fn open<D: Disk>(
        snapshot: Snapshot<D>,
        declared: Vec<(String, SchemaRef)>,
        limits: Limits,
    ) -> Result<Self, QueryError> {
        let planning = |error: DataFusionError| QueryError::planning(&error);
        let commit = snapshot.commit().number;
        let snapshot = Arc::new(snapshot);
        let url = ObjectStoreUrl::parse("lake://snapshot").map_err(planning)?;
        let context = context(limits).map_err(planning)?;
        let runtime = context.runtime_env();
        // The default registry serves the machine's files; nothing but the snapshot may be reachable.
        runtime
            .deregister_object_store(ObjectStoreUrl::local_filesystem().as_ref())
            .map_err(planning)?;
        runtime.register_object_store(url.as_ref(), Arc::new(SnapshotStore::new(Arc::clone(&snapshot))));
        let tables = schemas(&snapshot, declared)?;
        let names = tables.keys().map(ToString::to_string).collect();
        for (name, columns) in tables {
            let files: Vec<DataFile> = snapshot.files(&name).cloned().collect();
            let table = LakeTable::new(name.clone(), url.clone(), columns, files);
            context
                .register_table(TableReference::bare(name.as_str()), Arc::new(table))
                .map_err(planning)?;
        }
        let workers = Workers::start().map_err(|error| QueryError::Lake {
            message: error.to_string(),
        })?;
        Ok(Self {
            planner: Arc::new(Planner {
                context,
                tables: names,
            }),
            workers,
            commit,
            limits,
        })
    }

    /// The commit that all queries see.
    #[must_use]
    pub fn commit(&self) -> CommitNumber {
        self.commit
    }

    /// Starts one query. The caller's tokio runtime needs a clock.
    ///
    /// Planning and execution run on threads of their own: an operator that computes for long without
    /// a pause would keep the caller's clock, and with it the timeout, from going on.
    ///
    /// # Errors
    /// What is wrong with the query, before anything is read.
    pub async fn sql(&self, text: &str) -> Result<Rows, QueryError> {
        let deadline = Instant::now() + self.limits.timeout;
        let (tell_schema, schema) = oneshot::channel();
        let (tell, batches) = mpsc::channel(2);
        let (planner, text) = (Arc::clone(&self.planner), text.to_owned());
        let limit_bytes = self.limits.memory_bytes;
        let query = self.workers.handle.spawn(async move {
            let mut stream = match planner.start(&text, limit_bytes).await {
                Ok(stream) => stream,
                // Who asked may have given up by now, here and below.
                Err(error) => return drop(tell_schema.send(Err(error))),
            };
            if tell_schema.send(Ok(stream.schema())).is_err() {
                return;
            }
            while let Some(batch) = stream.next().await {
                let batch = batch.map_err(|error| QueryError::running(&error, limit_bytes));
                if tell.send(batch).await.is_err() {
                    return;
                }
            }
        });
        let query = Running(Some(query));
        let timeout = QueryError::Timeout {
            limit: self.limits.timeout,
        };
        match tokio::time::timeout_at(deadline, schema).await {
            Err(_) => Err(timeout),
            Ok(Err(_)) => Err(QueryError::panicked()),
            Ok(Ok(schema)) => Ok(Rows {
                schema: schema?,
                batches,
                deadline,
                timeout: self.limits.timeout,
                query,
            }),
        }
    }
}

impl Planner {
    async fn start(&self, text: &str, limit_bytes: usize) -> Result<SendableRecordBatchStream, QueryError> {
        let plan = self.plan(text).await?;
        let frame = self.context.execute_logical_plan(plan).await;
        let frame = frame.map_err(|error| QueryError::planning(&error))?;
        frame
            .execute_stream()
            .await
            .map_err(|error| QueryError::running(&error, limit_bytes))
    }

    async fn plan(&self, text: &str) -> Result<LogicalPlan, QueryError> {
        let planning = |error: DataFusionError| QueryError::planning(&error);
        let read_only = || QueryError::ReadOnly {
            statement: text.split_whitespace().next().unwrap_or_default().to_owned(),
        };
        let state = self.context.state();
        nesting::check_text(text)?;
        let mut statements = DFParser::parse_sql(text).map_err(planning)?;
        let (Some(statement), true) = (statements.pop_front(), statements.is_empty()) else {
            return Err(QueryError::NotOne);
        };
        nesting::check_tree(&statement)?;
        if !only_reads(&statement) {
            return Err(read_only());
        }
        for reference in state.resolve_table_references(&statement).map_err(planning)? {
            self.check_table(&reference)?;
        }
        let plan = state.statement_to_plan(statement).await.map_err(planning)?;
        // What only the plan shows: `select ... into`, statements within others.
        let options = SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        options.verify_plan(&plan).map_err(|_| read_only())?;
        Ok(plan)
    }

    fn check_table(&self, reference: &TableReference) -> Result<(), QueryError> {
        let elsewhere = matches!(reference.schema(), Some(schema) if schema != "public");
        let is_function = self.context.table_function(reference.table()).is_ok();
        if elsewhere || is_function || self.tables.iter().any(|table| table == reference.table()) {
            return Ok(());
        }
        Err(QueryError::UnknownTable {
            table: reference.to_string(),
            tables: self.tables.clone(),
        })
    }
}

/// Whether a statement is one of those that only read.
fn only_reads(statement: &Statement) -> bool {
    match statement {
        Statement::Explain(explain) => only_reads(&explain.statement),
        Statement::Statement(statement) => matches!(
            statement.as_ref(),
            ast::Statement::Query(_)
                | ast::Statement::Explain { .. }
                | ast::Statement::ExplainTable { .. }
                | ast::Statement::ShowTables { .. }
                | ast::Statement::ShowColumns { .. }
                | ast::Statement::ShowFunctions { .. }
                | ast::Statement::ShowVariable { .. }
        ),
        _ => false,
    }
}

/// The rows of a query, as they come. Dropping it ends the query.
pub struct Rows {
    schema: SchemaRef,
    batches: mpsc::Receiver<Result<RecordBatch, QueryError>>,
    deadline: Instant,
    timeout: Duration,
    query: Running,
}

/// Ends the task of a query when it is dropped. Empty once its end is known.
struct Running(Option<JoinHandle<()>>);

impl Running {
    /// How the task ended, which may be by a panic: then what came of it isn't all. Cancel safe.
    async fn end(&mut self) -> Result<(), QueryError> {
        let Some(task) = self.0.as_mut() else {
            return Ok(());
        };
        let ended = task.await;
        self.0 = None;
        ended.map_err(|_| QueryError::panicked())
    }

    fn abort(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.abort();
    }
}

impl Rows {
    /// Their columns.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The next rows; `None` after the last ones.
    ///
    /// # Errors
    /// What ended the query. There are no rows after an error.
    pub async fn next(&mut self) -> Option<Result<RecordBatch, QueryError>> {
        let next = async {
            match self.batches.recv().await {
                // The channel also closes where the query panics.
                None => self.query.end().await.err().map(Err),
                batch => batch,
            }
        };
        match tokio::time::timeout_at(self.deadline, next).await {
            Ok(batch) => batch,
            Err(_) => {
                self.query.abort();
                self.batches.close();
                Some(Err(QueryError::Timeout { limit: self.timeout }))
            }
        }
    }
}

/// The threads that plan and execute queries.
struct Workers {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Workers {
    fn start() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("query")
            .thread_stack_size(nesting::STACK_BYTES)
            .enable_all()
            .build()?;
        Ok(Self {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
        })
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        // Waiting for threads is not allowed where an engine may be dropped.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn context(limits: Limits) -> Result<SessionContext, DataFusionError> {
    let no_files = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(limits.memory_bytes)))
        .with_disk_manager_builder(no_files)
        .build_arc()?;
    let mut config = SessionConfig::new().with_information_schema(true);
    config.options_mut().execution.parquet.pushdown_filters = true;
    let context = SessionContext::new_with_config_rt(config, runtime);
    lengthening::bound(&context, limits.memory_bytes / 4)?;
    Ok(context)
}

/// The columns of every table: those declared, and after them what only the newest file has.
fn schemas<D: Disk>(
    snapshot: &Snapshot<D>,
    declared: Vec<(String, SchemaRef)>,
) -> Result<BTreeMap<TableName, SchemaRef>, QueryError> {
    let failed = |message: String| QueryError::Lake { message };
    let mut schemas = BTreeMap::new();
    for (name, schema) in declared {
        let name = TableName::new(name).map_err(|error| failed(error.to_string()))?;
        schemas.insert(name, schema);
    }
    for name in snapshot.tables() {
        let Some(newest) = newest_file(snapshot, name) else {
            continue;
        };
        let stored = stored_schema(snapshot, name, newest)?;
        let schema = match schemas.get(name) {
            Some(declared) => with_columns_of(declared, &stored),
            None => stored,
        };
        schemas.insert(name.clone(), schema);
    }
    Ok(schemas)
}

fn with_columns_of(declared: &SchemaRef, stored: &SchemaRef) -> SchemaRef {
    let more = stored
        .fields()
        .iter()
        .filter(|field| declared.field_with_name(field.name()).is_err());
    let fields: Vec<Arc<Field>> = declared.fields().iter().chain(more).cloned().collect();
    Arc::new(Schema::new(fields))
}

fn stored_schema<D: Disk>(
    snapshot: &Snapshot<D>,
    table: &TableName,
    file: &DataFile,
) -> Result<SchemaRef, QueryError> {
    let open = snapshot
        .open_file(table, file)
        .map_err(|error| QueryError::Lake {
            message: error.to_string(),
        })?;
    footer::columns(open, file.bytes).map_err(|error| QueryError::Lake {
        message: format!("{table} {}: {error}", file.name),
    })
}

/// A file of the table that the newest commit added, or else any.
fn newest_file<'a, D: Disk>(snapshot: &'a Snapshot<D>, table: &TableName) -> Option<&'a DataFile> {
    let changes = snapshot
        .commit()
        .tables
        .iter()
        .filter(|change| change.table == *table);
    changes
        .flat_map(|change| &change.added)
        .last()
        .or_else(|| snapshot.files(table).last())
}

#[cfg(test)]
mod tests;
