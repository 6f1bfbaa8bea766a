//! One table of the lake, as DataFusion sees it.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Date32Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, DFSchema, DataFusionError, Result, ScalarValue, Statistics};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use jiff::civil::Date;
use lake::{DataFile, TableName};

use crate::store::path_of;

/// The column that the folders of a table stand for.
pub(crate) const PARTITION: &str = "dt";

/// A table of one snapshot: its columns and its files.
#[derive(Debug)]
pub(crate) struct LakeTable {
    name: TableName,
    url: ObjectStoreUrl,
    schema: TableSchema,
    files: Vec<DataFile>,
}

impl LakeTable {
    /// `columns` are those of the files; the partition column comes on top.
    pub(crate) fn new(
        name: TableName,
        url: ObjectStoreUrl,
        columns: SchemaRef,
        files: Vec<DataFile>,
    ) -> Self {
        let dt = Arc::new(Field::new(PARTITION, DataType::Date32, false));
        let schema = TableSchema::builder(columns)
            .with_table_partition_cols(vec![dt])
            .build();
        Self {
            name,
            url,
            schema,
            files,
        }
    }

    /// The files whose partition can hold rows that pass the filters.
    fn live(&self, state: &dyn Session, filters: &[Expr]) -> Result<Vec<&DataFile>> {
        let on_partition = filters.iter().filter(|filter| is_on_partition(filter)).cloned();
        let Some(filter) = conjunction(on_partition) else {
            return Ok(self.files.iter().collect());
        };
        let dates: Vec<Date> = self
            .files
            .iter()
            .map(|file| file.dt)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let days: ArrayRef = Arc::new(Date32Array::from_iter_values(
            dates.iter().map(|date| days(*date)),
        ));
        let schema = Arc::new(Schema::new(vec![Field::new(PARTITION, DataType::Date32, false)]));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![days])?;
        let filter = state.create_physical_expr(filter, &DFSchema::try_from(schema)?)?;
        let passes = filter.evaluate(&batch)?.into_array(dates.len())?;
        let passes = passes.as_boolean_opt().ok_or_else(|| {
            DataFusionError::Internal("a filter on the partition is no condition".to_owned())
        })?;
        let live: BTreeSet<Date> = dates
            .into_iter()
            .zip(passes.iter())
            .filter_map(|(date, passes)| passes.unwrap_or(false).then_some(date))
            .collect();
        Ok(self.files.iter().filter(|file| live.contains(&file.dt)).collect())
    }

    fn planned(&self, file: &DataFile) -> PartitionedFile {
        let columns = self.schema.file_schema().fields().len();
        let statistics = Statistics {
            num_rows: Precision::Exact(usize::try_from(file.rows).unwrap_or(usize::MAX)),
            total_byte_size: Precision::Absent,
            column_statistics: vec![ColumnStatistics::new_unknown(); columns],
        };
        PartitionedFile::new(path_of(&self.name, file).to_string(), file.bytes)
            .with_partition_values(vec![ScalarValue::Date32(Some(days(file.dt)))])
            .with_statistics(Arc::new(statistics))
    }

    /// Row count of the files; nothing is known of their columns but the partition's bounds.
    fn statistics_of(&self, files: &[&DataFile]) -> Statistics {
        let rows: u64 = files.iter().map(|file| file.rows).sum();
        let mut statistics = Statistics::new_unknown(self.schema.table_schema());
        statistics.num_rows = Precision::Exact(usize::try_from(rows).unwrap_or(usize::MAX));
        statistics
    }
}

#[async_trait]
impl TableProvider for LakeTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.schema.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = |filter: &&Expr| match is_on_partition(filter) {
            true => TableProviderFilterPushDown::Exact,
            false => TableProviderFilterPushDown::Inexact,
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let files = self.live(state, filters)?;
        if files.is_empty() {
            let schema = datafusion::common::project_schema(&self.schema(), projection)?;
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let planned = files.iter().map(|file| self.planned(file)).collect();
        let groups = FileGroup::new(planned).split_files(state.config().target_partitions());
        let source = Arc::new(ParquetSource::new(self.schema.clone()));
        let scan = FileScanConfigBuilder::new(self.url.clone(), source)
            .with_file_groups(groups)
            .with_statistics(self.statistics_of(&files))
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(scan))
    }
}

/// Whether a filter can be decided by the partition alone.
fn is_on_partition(filter: &Expr) -> bool {
    let columns = filter.column_refs();
    !columns.is_empty() && columns.iter().all(|column| column.name == PARTITION) && !filter.is_volatile()
}

/// Days since 1970-01-01, as Arrow counts dates.
fn days(date: Date) -> i32 {
    let epoch = jiff::civil::date(1970, 1, 1);
    // Spans between two civil dates are at most 19,999 years.
    date.since(epoch).map_or(0, |span| span.get_days())
}
