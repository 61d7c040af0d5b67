"""Valkey or Redis: a bell and some counters. Without it everything works a second later."""

from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, RedisError
from sqlalchemy.engine import make_url

from veilleur.infra.db.session import Database
from veilleur.infra.settings import Settings
from veilleur.kernel.messages import msg
from veilleur.operations.checks.outside import is_loopback
from veilleur.operations.finding import Finding, Level

TIMEOUT_S = 2
EVICTING = ("allkeys-lru", "allkeys-lfu", "allkeys-random")
NEARLY_FULL = 0.9


async def check_redis(settings: Settings, _database: Database) -> list[Finding]:
    url = settings.redis_url.get_secret_value()
    client = Redis.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
    try:
        memory = await client.info("memory")
    except AuthenticationError:
        told = msg("Redis refuses the password")
        return [Finding(Level.WARNING, "redis", told, msg("VEILLEUR_REDIS_URL reads redis://default:password@host"))]
    except (RedisError, OSError) as error:
        told = msg(
            "Redis does not answer ({kind}): rings are lost, work is found by the sweep", kind=type(error).__name__
        )
        return [
            Finding(Level.WARNING, "redis", told, msg("Start it; nothing was lost, and nothing needs to be restored"))
        ]
    finally:
        await client.aclose()
    findings = [Finding(Level.WELL, "redis", msg("Redis answers"))]
    most, used = memory.get("maxmemory", 0), memory.get("used_memory", 0)
    if most and used > NEARLY_FULL * most:
        told = msg("Redis has used {percent} % of its memory", percent=round(100 * used / most))
        findings.append(Finding(Level.WARNING, "redis", told, msg("Raise maxmemory: counters need room")))
    if memory.get("maxmemory_policy") in EVICTING:
        told = msg("Redis drops keys when it is full: rules that count would start again from unknown")
        findings.append(Finding(Level.WARNING, "redis", told, msg("Set maxmemory-policy to noeviction")))
    address = make_url(url)
    if address.host and not address.password and not is_loopback(address.host):
        told = msg("Redis is reached over the network without a password")
        findings.append(Finding(Level.WARNING, "redis", told, msg("Set requirepass, and keep its port private")))
    return findings
