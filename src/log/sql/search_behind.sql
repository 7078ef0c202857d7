-- The position up to which an account's log is in its search documents of a kind, and true if the log has
-- more up to a given position. $1 account, $2 the given position, $3 the kind.
-- Indexes: search_reached_is_one_a_kind, event_positions_are_unique.
select p.position,
       exists (select from calmony.event
                where account = $1 and position > p.position and position <= $2) as behind
  from (select coalesce((select position from calmony.search_reached
                          where account = $1 and kind = $3), 0) as position) p
