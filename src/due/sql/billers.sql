-- The number of billers that have announced themselves in this database; and a session that holds a lock of
-- theirs, or waits for one, but whose login is no member of their role. Such a session isn't counted,
-- because it does no work and mustn't make the billers' shares smaller.
select count(*) filter (where is_biller and is_announced) as billers,
       min(pid) filter (where not is_biller) as stranger
  from (select pid, bool_or(objid = 1000 and granted) as is_announced
          from pg_locks
         where locktype = 'advisory' and classid = 1128417612 and objsubid = 2
           and database = (select oid from pg_database where datname = current_database())
         group by pid) l
 cross join lateral (
       select pg_has_role(a.usesysid, 'calmony_biller', 'member') as is_biller
         from pg_stat_get_activity(l.pid) a) m
