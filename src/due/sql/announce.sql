-- Announces a biller, until its session ends.
select calmony.announce_biller()
