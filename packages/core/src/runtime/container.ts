import 'reflect-metadata';
import { type DependencyContainer, type InjectionToken, container as rootContainer } from 'tsyringe';
import { IoMetrics } from '../block/index.js';
import type { HostPlatform } from '../contracts/index.js';
import { Session, type SessionServices } from '../guest/index.js';
import { GuestServices } from './guest-services.js';
import { type GuestStorage, openGuestStorage } from './guest-storage.js';
import { NodePlatform } from './node-platform.js';
import type { OpenGuestOptions } from './open-guest.js';
import { PluginRegistry } from './registry.js';

/** What a guest's container holds, by explicit token: interfaces have no run-time identity. */
export const TOKENS = {
  options: Symbol('vmcraft.options') as InjectionToken<OpenGuestOptions>,
  registry: Symbol('vmcraft.registry') as InjectionToken<PluginRegistry>,
  platform: Symbol('vmcraft.platform') as InjectionToken<HostPlatform>,
  metrics: Symbol('vmcraft.metrics') as InjectionToken<IoMetrics>,
  storage: Symbol('vmcraft.storage') as InjectionToken<GuestStorage>,
  services: Symbol('vmcraft.services') as InjectionToken<SessionServices>,
  session: Symbol('vmcraft.session') as InjectionToken<Session>,
} as const;

/**
 * The container of one guest. It is a child of nothing that is shared: what one guest registers, no other sees. Plugins never see it.
 */
export function guestContainer(options: OpenGuestOptions): DependencyContainer {
  const child = rootContainer.createChildContainer();
  child.register(TOKENS.options, { useValue: options });
  child.register(TOKENS.registry, { useValue: options.registry ?? new PluginRegistry(options.plugins ?? []) });
  child.register(TOKENS.platform, { useValue: options.platform ?? new NodePlatform() });
  child.register(TOKENS.metrics, { useValue: new IoMetrics() });
  provide(child, TOKENS.storage, (c) =>
    openGuestStorage(options, (warning) => c.resolve(TOKENS.session).warn(warning)),
  );
  provide(child, TOKENS.services, (c) => {
    const storage = c.resolve(TOKENS.storage);
    const { backend } = options;
    return new GuestServices({
      registry: c.resolve(TOKENS.registry),
      platform: c.resolve(TOKENS.platform),
      metrics: c.resolve(TOKENS.metrics),
      storage,
      ...(backend === undefined ? {} : { backend }),
    });
  });
  provide(child, TOKENS.session, (c) => {
    const { dryRun } = options;
    return new Session(c.resolve(TOKENS.services), dryRun === undefined ? {} : { dryRun });
  });
  return child;
}

/** Register a factory whose result is made once. */
function provide<T>(child: DependencyContainer, token: InjectionToken<T>, make: (c: DependencyContainer) => T): void {
  let made: { readonly value: T } | undefined;
  child.register(token, {
    useFactory: (c) => {
      made ??= { value: make(c) };
      return made.value;
    },
  });
}
