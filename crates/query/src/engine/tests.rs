use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, AsArray, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::physical_plan::displayable;
use disk::SimDisk;
use jiff::Timestamp;
use jiff::civil::date;
use lake::{AttemptId, Options, Payload, Snapshot, TableName, Writer};
use parquet::arrow::ArrowWriter;

use super::{Engine, Limits};
use crate::QueryError;
use crate::nesting::{EXPRESSIONS, RELATIONS};

const LIMITS: Limits = Limits {
    memory_bytes: 64 << 20,
    timeout: Duration::from_secs(20),
};

fn columns() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("url", DataType::Utf8, false),
        Field::new("pv", DataType::Int64, true),
    ]))
}

fn rows(pv: &[i64]) -> RecordBatch {
    let urls: ArrayRef = Arc::new(StringArray::from_iter_values(
        pv.iter().map(|pv| format!("/{}", pv % 3)),
    ));
    let views: ArrayRef = Arc::new(Int64Array::from(pv.to_vec()));
    RecordBatch::try_new(columns(), vec![urls, views]).expect("columns fit")
}

/// A lake in memory whose table `views` has a file for each of these days.
struct Lake {
    disk: SimDisk,
    writer: Writer<SimDisk>,
}

impl Lake {
    fn new() -> Self {
        let disk = SimDisk::new();
        let options = Options::new("/lake", "/checkpoints", "test");
        let writer = Writer::open(disk.clone(), options, Timestamp::UNIX_EPOCH, 1).expect("a new lake");
        Self { disk, writer }
    }

    fn commit(&mut self, attempt: u128, files: &[(i8, RecordBatch)]) {
        let table = TableName::new("views").expect("a good name");
        let mut staging = self.writer.begin(AttemptId(attempt)).expect("room");
        for (day, rows) in files {
            let file = staging.data_file(&table, date(2025, 6, *day)).expect("room");
            let mut parquet = ArrowWriter::try_new(file, rows.schema(), None).expect("a schema");
            parquet.write(rows).expect("room");
            let file = parquet.into_inner().expect("room");
            file.finish(rows.num_rows() as u64).expect("room");
        }
        self.writer
            .commit(staging, &[table], Payload::null(), Timestamp::UNIX_EPOCH)
            .expect("durable");
    }

    fn engine(&self) -> Engine {
        self.engine_within(LIMITS)
    }

    fn engine_within(&self, limits: Limits) -> Engine {
        let snapshot = Snapshot::open(self.disk.clone(), "/lake").expect("the lake is there");
        Engine::open(snapshot, vec![("views".to_owned(), columns())], limits).expect("readable")
    }
}

async fn numbers(engine: &Engine, query: &str) -> Result<Vec<i64>, QueryError> {
    let mut rows = engine.sql(query).await?;
    let mut numbers = Vec::new();
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        numbers.extend(batch.column(0).as_primitive::<Int64Type>().values());
    }
    Ok(numbers)
}

#[tokio::test]
async fn a_declared_table_without_rows_is_empty() {
    let engine = Lake::new().engine();
    assert_eq!(
        numbers(&engine, "select count(*) from views")
            .await
            .expect("a table"),
        [0]
    );
    assert_eq!(
        numbers(&engine, "select pv from views where dt = '2025-06-01'")
            .await
            .expect("a table"),
        Vec::<i64>::new()
    );
}

#[tokio::test]
async fn one_commit_is_seen_whatever_is_written_meanwhile() {
    let mut lake = Lake::new();
    lake.commit(1, &[(1, rows(&[1, 2, 3])), (2, rows(&[10]))]);
    let engine = lake.engine();
    lake.writer.publish().expect("published");
    lake.commit(2, &[(2, rows(&[20, 30]))]);
    let sum = "select sum(pv) from views";
    assert_eq!(numbers(&engine, sum).await.expect("rows"), [16]);
    assert_eq!(numbers(&lake.engine(), sum).await.expect("rows"), [66]);
    assert_eq!(lake.engine().commit().0, 3);
}

#[tokio::test]
async fn the_partition_is_a_date_and_prunes() {
    let mut lake = Lake::new();
    lake.commit(1, &[(1, rows(&[1, 2])), (2, rows(&[10])), (3, rows(&[100]))]);
    let engine = lake.engine();
    let query = "select pv from views where dt >= '2025-06-02' and pv > 5 order by pv";
    assert_eq!(numbers(&engine, query).await.expect("rows"), [10, 100]);
    let query = "select count(*) from views where dt = date '2025-06-01' or dt = date '2025-06-03'";
    assert_eq!(numbers(&engine, query).await.expect("rows"), [3]);

    let plan = engine
        .planner
        .plan("select pv from views where dt = '2025-06-02'")
        .await
        .expect("a query");
    let plan = engine
        .planner
        .context
        .state()
        .create_physical_plan(&plan)
        .await
        .expect("a plan");
    let shown = displayable(plan.as_ref()).indent(false).to_string();
    assert!(
        shown.contains("dt=2025-06-02") && !shown.contains("dt=2025-06-01"),
        "{shown}"
    );
}

#[tokio::test]
async fn counting_opens_no_file() {
    let mut lake = Lake::new();
    lake.commit(1, &[(1, rows(&[1, 2]))]);
    let engine = lake.engine();
    let plan = engine
        .planner
        .plan("select count(*) from views")
        .await
        .expect("a query");
    let plan = engine
        .planner
        .context
        .state()
        .create_physical_plan(&plan)
        .await
        .expect("a plan");
    let shown = displayable(plan.as_ref()).indent(false).to_string();
    assert!(!shown.contains("DataSourceExec"), "{shown}");
}

#[tokio::test]
async fn a_column_that_only_newer_files_have_is_null_in_older_ones() {
    let mut lake = Lake::new();
    lake.commit(1, &[(1, rows(&[1]))]);
    lake.writer.publish().expect("published");
    let mut fields = columns().fields().to_vec();
    fields.push(Arc::new(Field::new("site", DataType::Utf8, true)));
    let mut arrays = rows(&[2]).columns().to_vec();
    arrays.push(Arc::new(StringArray::from(vec!["north"])));
    let wider = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).expect("columns fit");
    lake.commit(2, &[(1, wider)]);
    let engine = lake.engine();
    assert_eq!(
        numbers(&engine, "select pv from views where site is null")
            .await
            .expect("rows"),
        [1]
    );
    assert_eq!(
        numbers(&engine, "select pv from views where site = 'north'")
            .await
            .expect("rows"),
        [2]
    );
}

#[tokio::test]
async fn nothing_can_be_written_and_no_file_be_read() {
    let mut lake = Lake::new();
    lake.commit(1, &[(1, rows(&[1]))]);
    let engine = lake.engine();
    for statement in [
        "create table t as select 1",
        "create view v as select 1",
        "create external table t stored as csv location '/etc/passwd'",
        "create schema s",
        "drop table views",
        "insert into views values ('/', 1)",
        "update views set pv = 2",
        "delete from views",
        "copy views to '/tmp/x.parquet'",
        "copy (select 1) to '/tmp/x.csv' stored as csv",
        "explain analyze copy views to '/tmp/x.parquet'",
        "set datafusion.execution.batch_size = 1",
        "reset datafusion.execution.batch_size",
        "prepare p as select 1",
        "begin transaction",
        "truncate table views",
        "alter table views add column x int",
    ] {
        let answer = engine.sql(statement).await.map(|_| ());
        assert!(
            matches!(answer, Err(QueryError::ReadOnly { .. } | QueryError::Sql { .. })),
            "{statement}: {answer:?}"
        );
    }
    for query in [
        "select * from '/etc/passwd'",
        "select * from 'file:///etc/passwd'",
        "select * from read_csv('/etc/passwd')",
        "select * from read_parquet('/etc/passwd')",
        "select * from parquet_metadata('/etc/passwd')",
        "select pg_read_file('/etc/passwd')",
    ] {
        let answer = engine.sql(query).await.map(|_| ());
        assert!(answer.is_err(), "{query}");
    }
    assert_eq!(
        numbers(&engine, "select count(*) from views")
            .await
            .expect("still there"),
        [1]
    );
}

#[tokio::test]
async fn errors_say_what_to_do() {
    let engine = Lake::new().engine();
    for (query, message) in [
        ("select * from view", "there is no table `view`; there are: views"),
        (
            "select * from views v join nowhere n on true",
            "there is no table `nowhere`; there are: views",
        ),
        ("select 1; select 2", "give exactly one statement"),
        (" -- nothing", "give exactly one statement"),
        (
            "insert into views values ('/', 1)",
            "SQL only reads here, so `insert` is refused: ask with select, with, show, describe or explain",
        ),
        (
            "drop table views",
            "SQL only reads here, so `drop` is refused: ask with select, with, show, describe or explain",
        ),
    ] {
        let error = engine.sql(query).await.map(|_| ()).expect_err(query);
        assert_eq!(error.to_string(), message, "{query}");
    }
    let error = engine
        .sql("select page from views")
        .await
        .map(|_| ())
        .expect_err("no such column");
    assert!(error.to_string().starts_with("No field named page"), "{error}");
    let error = engine.sql("selec 1").await.map(|_| ()).expect_err("no SQL");
    assert!(
        error.to_string().starts_with("Expected: an SQL statement"),
        "{error}"
    );
}

#[tokio::test]
async fn tables_and_columns_can_be_asked_for() {
    let engine = Lake::new().engine();
    for query in [
        "show tables",
        "describe views",
        "select * from information_schema.columns",
        "explain select 1",
    ] {
        let mut rows = engine.sql(query).await.expect(query);
        let first = rows.next().await.expect(query).expect(query);
        assert!(first.num_rows() > 0, "{query}");
    }
    let rows = numbers(&engine, "with recent as (select 7 as n) select n from recent")
        .await
        .expect("a CTE");
    assert_eq!(rows, [7]);
}

#[tokio::test]
async fn a_query_that_needs_too_much_memory_is_ended() {
    let engine = Lake::new().engine_within(Limits {
        memory_bytes: 4 << 20,
        ..LIMITS
    });
    let query =
        "select count(*) from (select count(*) from range(0, 400000) group by (value * 7919) % 1000003)";
    let error = numbers(&engine, query).await.expect_err("many groups");
    assert!(
        error.to_string().contains("more memory than the 4 MiB"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_that_takes_too_long_is_ended() {
    let timeout = Duration::from_millis(200);
    let engine = Lake::new().engine_within(Limits { timeout, ..LIMITS });
    for query in [
        "select count(*) from range(0, 1000000) a cross join range(0, 1000000) b where a.value + b.value = 7",
        "with recursive r as (select 1 as n union all select n from r) select sum(n) from r",
    ] {
        let error = numbers(&engine, query).await.expect_err(query);
        assert!(matches!(error, QueryError::Timeout { .. }), "{query}: {error}");
    }
}

#[tokio::test]
async fn a_query_that_panics_while_it_runs_has_no_quiet_end() {
    let mut lake = Lake::new();
    lake.commit(1, &[(1, rows(&[1]))]);
    let engine = lake.engine();
    let panics = datafusion::logical_expr::create_udf(
        "panics",
        vec![DataType::Int64],
        DataType::Int64,
        datafusion::logical_expr::Volatility::Volatile,
        Arc::new(|_| panic!("a defect of a function")),
    );
    engine.planner.context.register_udf(panics);
    let error = numbers(&engine, "select panics(pv) from views")
        .await
        .expect_err("no rows, no end");
    assert!(error.to_string().contains("report this query"), "{error}");
    let mut rows = engine.sql("select panics(pv) from views").await.expect("a plan");
    assert!(rows.next().await.expect("an error").is_err());
    assert!(rows.next().await.is_none(), "nothing follows an error");
}

/// What is nested as deep as it may be, in one way each; `n` is how deep.
fn nested(n: usize) -> Vec<String> {
    let terms = |term: &str, between: &str| vec![term; n].join(between);
    vec![
        format!("select {} from views", terms("pv", "+")),
        format!(
            "select pv from views where {}",
            vec!["url = '0'"; n - 1].join(" or ")
        ),
        format!("select pv{} from views", "::int".repeat(n - 1)),
    ]
}

fn unions(n: usize) -> String {
    vec!["select 1"; n].join(" union all ")
}

#[tokio::test]
async fn a_query_that_is_nested_as_deep_as_it_may_be_is_answered() {
    let engine = Lake::new().engine_within(Limits {
        timeout: Duration::from_secs(120),
        ..LIMITS
    });
    for query in nested(EXPRESSIONS).iter().chain([&unions(RELATIONS - 1)]) {
        let answer = engine.sql(query).await.map(|_| ());
        assert!(answer.is_ok(), "{} ...: {answer:?}", &query[..40]);
    }
    assert_eq!(numbers(&engine, &unions(9)).await.expect("rows"), [1; 9]);
}

#[tokio::test]
async fn a_query_that_is_nested_deeper_is_refused_whatever_it_is() {
    let engine = Lake::new().engine();
    let mut queries: Vec<String> = nested(EXPRESSIONS + 1);
    queries.extend(nested(10_000));
    queries.extend([
        unions(10_000),
        format!("select {}1", "1+".repeat(65_000)),
        format!("select {}1", "1+".repeat(1_000_000)),
        format!("select {}1{}", "(".repeat(60_000), ")".repeat(60_000)),
        format!("select {}1", "not ".repeat(30_000)),
        format!("{}select 1", "explain ".repeat(16_000)),
        format!("select null::int{}", "[]".repeat(60_000)),
        format!(
            "select cast(null as {}int{})",
            "array<".repeat(18_000),
            ">".repeat(18_000)
        ),
        format!("select 1 from {}", vec!["views"; RELATIONS].join(", ")),
    ]);
    for query in queries {
        let answer = engine.sql(&query).await.map(|_| ());
        let refused = matches!(answer, Err(QueryError::TooLarge { .. } | QueryError::Sql { .. }));
        assert!(refused, "{} ...: {answer:?}", &query[..40]);
    }
}

#[tokio::test]
async fn no_function_makes_more_than_it_may() {
    let mut lake = Lake::new();
    lake.commit(1, &[(1, rows(&[700_000_000, 3]))]);
    let engine = lake.engine();
    for query in [
        "select length(repeat('x', 700000000))",
        "select length(repeat('x', pv)) from views",
        "select length(repeat(url, pv)) from views",
        "select length(lpad('x', pv)) from views",
        "select length(rpad(url, 700000000, 'ab')) from views",
        "select cardinality(array_repeat(1, pv)) from views",
        "select cardinality(list_repeat('x', 700000000))",
        "select cardinality(array_resize([1], 700000000))",
        "select cardinality(range(0, 700000000))",
        "select cardinality(generate_series(0, 700000000))",
    ] {
        let error = numbers(&engine, query).await.expect_err(query).to_string();
        let said = error.contains("would make more than 16 MiB") || error.starts_with("Invalid function");
        assert!(said, "{query}: {error}");
    }
    let query =
        "select cast(length(repeat(url, 3)) + length(lpad(url, 5, '-')) as bigint) from views where pv = 3";
    assert_eq!(numbers(&engine, query).await.expect("little"), [11]);
    let query = "select cast(cardinality(array_repeat(url, 4)) + cardinality(array_resize([1], 3)) as bigint) \
                 from views where pv = 3";
    assert_eq!(numbers(&engine, query).await.expect("little"), [7]);
}
