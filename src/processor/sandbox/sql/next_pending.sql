-- The milliseconds until the next operation's time; null if none is put off.
select (extract(epoch from min(due) - statement_timestamp()) * 1000)::float8 as millis
  from sandbox.operation
 where outcome = 'pending'
