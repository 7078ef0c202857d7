-- An attempt of an object, as the event that opened it has it. $1 account, $2 object, $3 the attempt's key.
-- Index: event_versions_are_unique_in_a_stream.
select (internal -> 'attempt')::text as attempt
  from calmony.event
 where account = $1 and stream = $2::text and internal ->> 'opened' = $3
   and internal #>> '{attempt,key}' = $3
 limit 1
