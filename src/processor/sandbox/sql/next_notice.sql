-- The milliseconds until the next notice is to be sent; null if there is none.
select (extract(epoch from min(due) - statement_timestamp()) * 1000)::float8 as millis
  from sandbox.notice
 where copies > 0
