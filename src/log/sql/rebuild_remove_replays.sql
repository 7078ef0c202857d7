-- Removes the rows of replays that no event speaks of.
delete from calmony.replay r
 where not exists (select from calmony.event e where e.account = r.account and e.stream = r.id)
