-- The event that closed an attempt: the object after it, and whether the call that opened it is answered
-- 402. $1 account, $2 object, $3 the attempt's key.
-- Index: event_versions_are_unique_in_a_stream.
select data::text, coalesce(internal #>> '{closed,declined}' = 'true', false) as declined
  from calmony.event
 where account = $1 and stream = $2::text and internal #>> '{closed,key}' = $3
 order by version
 limit 1
