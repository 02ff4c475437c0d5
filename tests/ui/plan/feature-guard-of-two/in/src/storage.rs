#[cfg(all(feature = "postgres", feature = "sqlite"))]
compile_error!("`postgres` and `sqlite` exclude each other");
