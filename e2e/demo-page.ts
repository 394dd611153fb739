import { expect, type Locator, type Page } from '@playwright/test';

/** The demo page, as a reader uses it. */
export class DemoPage {
  readonly page: Page;
  readonly text: Locator;
  readonly question: Locator;
  readonly askButton: Locator;
  readonly compressStatus: Locator;
  readonly restored: Locator;
  readonly alerts: Locator;

  constructor(page: Page) {
    this.page = page;
    this.text = page.getByLabel('Your text');
    this.question = page.getByLabel('Your question');
    this.askButton = page.getByRole('button', { name: 'Ask', exact: true });
    this.compressStatus = page.locator('#compress-status');
    this.restored = page.locator('#restored');
    this.alerts = page.locator('.error:visible');
  }

  async open(parameters: Record<string, string>): Promise<void> {
    await this.page.goto(`index.html?${new URLSearchParams(parameters)}`);
  }

  async load(): Promise<void> {
    await this.button('Load the model').click();
    await this.idle();
    await expect(this.alerts).toHaveCount(0);
  }

  button(name: string): Locator {
    return this.page.getByRole('button', { name, exact: true });
  }

  rate(rate: number): Locator {
    return this.page.getByRole('radio', { name: String(rate), exact: true });
  }

  /** Until nothing runs any more. */
  async idle(): Promise<void> {
    await expect(this.page.locator('body')).toHaveAttribute('aria-busy', 'false', { timeout: 300_000 });
  }

  /** Asks and waits for the whole answer. */
  async ask(question: string): Promise<{ answer: string; figures: string }> {
    await this.question.fill(question);
    await this.askButton.click();
    await this.idle();
    await expect(this.alerts).toHaveCount(0);
    const latest = this.page.locator('#answers li').first();
    await expect(latest.locator('.asked')).toHaveText(question);
    return {
      answer: (await latest.locator('.answer').textContent()) ?? '',
      figures: (await latest.locator('.figures').textContent()) ?? '',
    };
  }

  /** Restores and waits for the whole text. */
  async restore(): Promise<string> {
    await this.button('Restore the text').click();
    await this.idle();
    await expect(this.alerts).toHaveCount(0);
    return (await this.restored.textContent()) ?? '';
  }
}
