use super::*;

#[tokio::test]
async fn a_panic_is_an_error_of_that_request() {
    async fn defect() -> Result<u32, ClientError> {
        panic!("a defect")
    }
    let error = caught("fetch", defect()).await.unwrap_err();
    assert!(matches!(error, ClientError::Defect { .. }), "{error}");
    assert!(error.is_retriable(), "another answer may not meet it");
    assert_eq!(caught("fetch", async { Ok(1) }).await.unwrap(), 1);
}
