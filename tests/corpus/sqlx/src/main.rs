use sqlx::Connection;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), sqlx::Error> {
    let mut connection = sqlx::SqliteConnection::connect("sqlite::memory:").await?;
    let answer = sqlx::query!("SELECT 6 * 7 AS answer").fetch_one(&mut connection).await?;
    println!("answer: {}", answer.answer);
    Ok(())
}
