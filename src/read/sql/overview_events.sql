-- An account's events by the five seconds that they happened in, of the newest twenty thousand after a
-- position.
-- $1 account, $2 position, $3 not before, $4 up to this position.
-- Indexes: event_positions_are_unique.
select (floor(extract(epoch from e.created_at) / 5) * 5)::bigint as at, count(*) as count
  from (select created_at
          from calmony.event
         where account = $1 and position > $2 and position <= $4
         order by position desc
         limit 20000) e
 where e.created_at >= $3
 group by 1
 order by 1
